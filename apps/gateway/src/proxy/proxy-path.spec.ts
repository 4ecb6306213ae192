import fc from 'fast-check';
import { locationThroughProxy, readRest, targetOf } from './proxy-path';

const PREFIX = '/functions/v1/integrations/notion/proxy';
const BASES = ['https://api.notion.com', 'https://a-shop.myshopify.com', 'http://127.0.0.1:4010/notion'];

/** What any number of decoders sees, one behind the other. */
function decodings(path: string): string[] {
  const next = path.replaceAll(/%[0-9a-f]{2}/gi, (escape) => Buffer.from(escape.slice(1), 'hex').toString('latin1'));
  return next === path ? [path] : [path, ...decodings(next)];
}

describe('the rest of a path', () => {
  it.each([
    '/v1/users/me',
    '/v1/search?a=b&a=c%2Fd',
    '/drive/v3/files/abc-_.~123',
    '/v1/users:batchGet/',
    "/a/b;c=d,e/(f)'!$&+=",
    '/admin/api/products.json?fields=id%2Ctitle&q=..%2f..',
    '/a%20b/%C3%A9',
    '/.well-known/x',
    '/a/...',
    '/100%25/50%25zz',
    '/a%2520b/%25C3%25A9%253b',
    '/',
  ])('is passed on as it is: %s', (rest) => {
    expect(readRest(PREFIX + rest, 'notion')).toEqual({ ok: true, rest });
    for (const base of BASES) {
      const { origin, pathname } = new URL(base);
      expect(targetOf(base, rest)).toEqual({ origin, path: pathname.replace(/\/$/, '') + rest });
    }
  });

  it.each([
    ['/..', 'dot_segment'],
    ['/../x', 'dot_segment'],
    ['/v1/../../x', 'dot_segment'],
    ['/v1/./x', 'dot_segment'],
    ['/v1/..?x', 'dot_segment'],
    ['/v1/..;/x', 'dot_segment'],
    ['/v1/.;a=b', 'dot_segment'],
    ['/%2e%2e/x', 'encoded'],
    ['/.%2E/x', 'encoded'],
    ['/%252e%252e/x', 'encoded'],
    ['/%25252e./x', 'encoded'],
    ['/%25%32%65%25%32%65/x', 'encoded'],
    ['/%252%65/x', 'encoded'],
    ['/%25%32%66', 'encoded'],
    ['/%25%35%63x', 'encoded'],
    ['/%25%30%39x', 'encoded'],
    ['/%c0%ae%c0%ae/x', 'encoded'],
    ['/%25c0%25ae/x', 'encoded'],
    ['/%e0%80%ae/x', 'encoded'],
    ['/%f0%80%80%af', 'encoded'],
    ['/%ff', 'encoded'],
    [`/%${'25'.repeat(9)}41`, 'encoded'],
    ['/..%3b/x', 'dot_segment'],
    ['/..%253Ba/x', 'dot_segment'],
    ['/..%3fx', 'dot_segment'],
    ['/v1/..%23', 'dot_segment'],
    ['/v1/..%20/x', 'dot_segment'],
    ['/user%2540evil.example', 'authority'],
    ['/v1%2fusers', 'encoded'],
    ['/v1%5cusers', 'encoded'],
    ['/v1%255Cusers', 'encoded'],
    ['/v1%00', 'encoded'],
    ['/v1%0d%0aHost:evil', 'encoded'],
    ['/v1\\users', 'characters'],
    ['/\\evil.example', 'characters'],
    ['/v1 x', 'characters'],
    ['/v1#x', 'characters'],
    ['/v1%zz', 'characters'],
    ['/v1\u00e9', 'characters'],
    ['/x?a=#b', 'query'],
    ['/x?a=b c', 'query'],
    ['//evil.example/x', 'empty_segment'],
    ['///evil.example', 'empty_segment'],
    ['/v1//x', 'empty_segment'],
    ['/https://evil.example/', 'empty_segment'],
    ['/https:evil.example', 'authority'],
    ['/@evil.example', 'authority'],
    ['/user%40evil.example', 'authority'],
    ['/evil%3a443/x', 'authority'],
  ])('%s is refused: %s', (rest, reason) => {
    expect(readRest(PREFIX + rest, 'notion')).toEqual({ ok: false, reason });
  });

  it.each([
    '/functions/v1/integrations/notion/prox%79/v1',
    '/functions/v1/integrations/shopify/proxy/v1',
    `https://evil.example${PREFIX}/v1`,
    PREFIX,
  ])('begins behind the very prefix: %s', (url) => {
    expect(readRest(url, 'notion')).toEqual({ ok: false, reason: 'prefix' });
  });

  it('whatever it is, keeps origin and base path, or is refused', () => {
    const pieces = fc.constantFrom(
      '.',
      '..',
      '/',
      '//',
      '\\',
      '%2e',
      '%2F',
      '%5c',
      '%25',
      '%32',
      '%65',
      '%66',
      '%3b',
      '%c0%ae',
      '@',
      ':',
      '?',
      '#',
      'evil.example',
      'v1',
      'https:',
      '%00',
      '\t',
      ' ',
    );
    const rests = fc.oneof(
      fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 12 }).map((all) => `/${all.join('')}`),
      fc.webPath(),
      fc.string(),
    );
    fc.assert(
      fc.property(rests, fc.constantFrom(...BASES), (rest, base) => {
        const reading = readRest(PREFIX + rest, 'notion');
        if (!reading.ok) return;
        const target = targetOf(base, reading.rest);
        if (!target) return;
        const { origin, pathname } = new URL(base);
        const seen = new URL(target.origin + target.path);
        const below = `${pathname.replace(/\/$/, '')}/`;
        expect(seen.origin).toBe(origin);
        expect(seen.pathname.startsWith(below)).toBe(true);
        for (const form of decodings(seen.pathname)) {
          expect(form.split(/[/\\]/).map((segment) => segment.split(/[;?#]/)[0])).not.toContain('..');
          expect(form.split('/')).toHaveLength(seen.pathname.split('/').length);
        }
        expect(target.path).toBe(below.slice(0, -1) + rest);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an address that has a hole', () => {
  it.each(['/../x', '/a/../../../x', '//evil.example/..', '/a\\b'])('is seen by the second look: %s', (rest) => {
    expect(targetOf('https://api.notion.com/base', rest)).toBeUndefined();
  });
});

describe('a Location', () => {
  const base = 'http://127.0.0.1:4010/notion';
  const target = { origin: 'http://127.0.0.1:4010', path: '/notion/v1/a?b' };

  it.each([
    ['/notion/v1/c?d=e', `${PREFIX}/v1/c?d=e`],
    ['http://127.0.0.1:4010/notion/v1/c', `${PREFIX}/v1/c`],
    ['c', `${PREFIX}/v1/c`],
    ['../v2', `${PREFIX}/v2`],
  ])('below the API leads through the proxy: %s', (location, through) => {
    expect(locationThroughProxy(location, target, base, 'notion')).toBe(through);
  });

  it.each([
    'https://evil.example/notion/v1',
    '//evil.example/notion/v1',
    'http://user@127.0.0.1:4010/notion/v1',
    'http://127.0.0.1:4011/notion/v1',
    '/shopify/v1',
    '/notion',
    '/notion-evil/v1',
    '/notion/..%2fx',
    'javascript:alert(1)',
    'http://',
  ])('elsewhere is not told: %s', (location) => {
    expect(locationThroughProxy(location, target, base, 'notion')).toBeUndefined();
  });
});
