import { callbackUrl, isAllowedRedirect, NOT_ASCII, redirectEntryProblem, withParameters } from './redirects';

const allowed = [
  'https://app.example.com',
  'https://app.example.com/integrations',
  'https://app.example.com/done?tab=1',
];

describe('a return URL', () => {
  it.each(allowed)('%s is allowed, since the list has it', (redirectUri) => {
    expect(isAllowedRedirect(redirectUri, allowed)).toBe(true);
  });

  it.each([
    ['another host', 'https://evil.example'],
    ['no scheme', '//evil.example'],
    ['the host as a user name', 'https://app.example.com@evil.example'],
    ['the host as a user name with a password', 'https://app.example.com:443@evil.example/integrations'],
    ['a backslash for a slash', 'https://app.example.com\\@evil.example'],
    ['a longer host', 'https://app.example.com.evil.example'],
    ['a sub-path', 'https://app.example.com/integrations/x'],
    ['a way back up', 'https://app.example.com/integrations/../admin'],
    ['an encoded slash', 'https://app.example.com/integrations%2fx'],
    ['a slash more', 'https://app.example.com/'],
    ['a slash more at the path', 'https://app.example.com/integrations/'],
    ['another case of the host', 'https://APP.example.com/integrations'],
    ['another case of the path', 'https://app.example.com/Integrations'],
    ['the usual port', 'https://app.example.com:443/integrations'],
    ['another port', 'https://app.example.com:8443/integrations'],
    ['another scheme', 'http://app.example.com/integrations'],
    ['a script', 'javascript:alert(1)//https://app.example.com'],
    ['data', 'data:text/html,https://app.example.com/integrations'],
    ['a dot behind the host', 'https://app.example.com./integrations'],
    ['a look-alike letter', 'https://аpp.example.com/integrations'],
    ['a query more', 'https://app.example.com/integrations?x=1'],
    ['another query', 'https://app.example.com/done?tab=2'],
    ['a fragment', 'https://app.example.com/integrations#x'],
    ['a space in front', ' https://app.example.com/integrations'],
    ['a line break behind', 'https://app.example.com/integrations\n'],
    ['a NUL', 'https://app.example.com/integrations\0'],
    ['nothing', ''],
  ])('with %s is refused', (_what, redirectUri) => {
    expect(isAllowedRedirect(redirectUri, allowed)).toBe(false);
  });

  it('is never allowed by an empty list', () => {
    expect(isAllowedRedirect('', [])).toBe(false);
  });
});

describe('an entry of the allow-list', () => {
  it.each(['https://app.example.com', 'http://localhost:5173/x', 'https://app.example.com/done?tab=1'])(
    '%s is fit',
    (entry) => expect(redirectEntryProblem(entry)).toBeUndefined(),
  );

  it.each([
    ['/integrations', 'is not an absolute URL'],
    ['//evil.example', 'is not an absolute URL'],
    ['app.example.com', 'is not an absolute URL'],
    ['javascript:alert(1)', 'must be an https (or http) URL'],
    ['data:text/html,x', 'must be an https (or http) URL'],
    ['ftp://app.example.com', 'must be an https (or http) URL'],
    ['https://app.example.com/#done', 'must not have a fragment'],
    ['https://app.example.com/#', 'must not have a fragment'],
    ['https://ada@app.example.com', 'must not have a user or a password'],
    ['https://:secret@app.example.com', 'must not have a user or a password'],
    ['https://例.example/x', NOT_ASCII],
    ['https://app.example.com/żółw', NOT_ASCII],
    ['https://app.example.com/a\nb', NOT_ASCII],
    ['https://app.example.com/a b', NOT_ASCII],
    ['https://xn--fsq.example/%C5%BC', undefined],
    ['https://*.example.com/', undefined],
  ])('%s: %s', (entry, problem) => {
    expect(redirectEntryProblem(entry)).toBe(problem);
  });
});

describe('parameters of the landing', () => {
  it.each([
    [
      'https://app.example.com/integrations',
      { success: 'notion' },
      'https://app.example.com/integrations?success=notion',
    ],
    ['https://app.example.com', { success: 'notion' }, 'https://app.example.com?success=notion'],
    ['https://app.example.com/x?tab=1', { success: 'notion' }, 'https://app.example.com/x?tab=1&success=notion'],
    [
      'https://app.example.com/x',
      { error: 'access_denied', provider: 'notion' },
      'https://app.example.com/x?error=access_denied&provider=notion',
    ],
    ['https://app.example.com/x?success=old', { success: 'new' }, 'https://app.example.com/x?success=old&success=new'],
    ['https://app.example.com/x', { error: 'a&b=c#d' }, 'https://app.example.com/x?error=a%26b%3Dc%23d'],
  ])('%s with %j is %s', (target, parameters, expected) => {
    expect(withParameters(target, parameters as Record<string, string>)).toBe(expected);
  });
});

describe('the callback URL', () => {
  it('stands under the public URL, whatever Host a request names', () => {
    expect(callbackUrl('https://hub.example', 'notion')).toBe(
      'https://hub.example/functions/v1/integrations-callback/notion',
    );
  });
});
