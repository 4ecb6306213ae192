import { aPage, anAnswer } from '../../../testing/scripted-wire';
import { readDeliveryOutcome, webhookAddress } from '../../webhook-delivery';
import { provider } from './zapier.provider';

const [input] = provider.inputs;

describe('a webhook URL', () => {
  it.each([
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/silent/',
    'https://hooks.zapier.com/hooks/catch/abc123/',
    'https://hooks.zapier.com/hooks/catch/123456/0f8fad5b-d9cb-469f-a165-70867728950e/',
    'https://hooks.zapier.com/hooks/catch/123456/abc_def',
    'https://hooks.zapier.com/hooks/standard/123/0123456789abcdef0123456789abcdef/',
  ])('%s is kept as it is', (url) => {
    expect(input.normalise(url)).toBe(url);
  });

  it.each([
    '',
    'hooks.zapier.com/hooks/catch/1/a/',
    'no url',
    'http://hooks.zapier.com/hooks/catch/1/a/',
    'ftp://hooks.zapier.com/hooks/catch/1/a/',
    'https://hooks.zapier.com.evil.io/hooks/catch/1/a/',
    'https://evil.io/hooks/catch/1/a/',
    'https://hooks.zapier.com@evil.io/hooks/catch/1/a/',
    'https://user:pw@hooks.zapier.com/hooks/catch/1/a/',
    'https://@hooks.zapier.com/hooks/catch/1/a/',
    'https://hooks.zapier.com:8443/hooks/catch/1/a/',
    'https://hooks.zapier.com:443/hooks/catch/1/a/',
    'https://HOOKS.zapier.com/hooks/catch/1/a/',
    'HTTPS://hooks.zapier.com/hooks/catch/1/a/',
    'https://hooks.zapier.com./hooks/catch/1/a/',
    'https://hooks。zapier.com/hooks/catch/1/a/',
    'https://hooks.zаpier.com/hooks/catch/1/a/',
    'https://xn--hooks-zapier.com/hooks/catch/1/a/',
    'https:\\\\hooks.zapier.com\\hooks\\catch\\1\\a\\',
    'https://hooks.zapier.com\\@evil.io/hooks/catch/1/a/',
    'https:hooks.zapier.com/hooks/catch/1/a/',
    'https:///hooks.zapier.com/hooks/catch/1/a/',
    'https://hooks.zapier.com/hooks/catch/user-1/a/',
    'https://hooks.zapier.com/hooks/catch/1/a.b/',
    'https://hooks.zapier.com/hooks/catch/1/a%2Db/',
    'https://hooks.zapier.com/hooks/catch/1/a/?x=1',
    'https://hooks.zapier.com/hooks/catch/1/a/?',
    'https://hooks.zapier.com/hooks/catch/1/a/#x',
    'https://hooks.zapier.com/hooks/catch/1/a/#',
    'https://hooks.zapier.com/hooks/catch/1/../1/a/',
    'https://hooks.zapier.com/hooks/catch/1/%61/',
    'https://hooks.zapier.com//hooks/catch/1/a/',
    'https://hooks.zapier.com/hooks/catch/',
    'https://hooks.zapier.com/hooks/catch/1/a/b/',
    'https://hooks.zapier.com/',
    'https://hooks.zapier.com',
    ' https://hooks.zapier.com/hooks/catch/1/a/',
    'https://hooks.zapier.com/hooks/catch/1/a/\n',
    'https://hooks.zapier.com/hooks/ca\ttch/1/a/',
    'https://127.0.0.1/hooks/catch/1/a/',
    'https://[::1]/hooks/catch/1/a/',
    'https://2130706433/hooks/catch/1/a/',
    `https://hooks.zapier.com/hooks/catch/1/${'a'.repeat(600)}/`,
  ])('%j is none', (url) => {
    expect(input.normalise(url)).toBeUndefined();
  });

  it('is refused by its own problem, and sealed', () => {
    expect(input).toMatchObject({ problem: 'webhook_host_not_allowed', secret: true });
  });
});

describe('the account behind a webhook URL', () => {
  it('is a hash, and shows no more than the end', () => {
    const account = provider.accountOfWebhook('https://hooks.zapier.com/hooks/catch/123456/abcdefgh/');
    expect(account.id).toMatch(/^[0-9a-f]{32}$/);
    expect(account.label).toBe('hooks.zapier.com …efgh');
  });

  it('never shows more than half of a short secret', () => {
    expect(provider.accountOfWebhook('https://hooks.zapier.com/hooks/catch/1/abcd/silent/').label).toBe(
      'hooks.zapier.com …cd',
    );
  });

  it('is another for another URL', () => {
    const ids = ['a', 'b'].map(
      (hook) => provider.accountOfWebhook(`https://hooks.zapier.com/hooks/catch/1/${hook}/`).id,
    );
    expect(new Set(ids).size).toBe(2);
  });
});

describe('the pace of sends', () => {
  const paces = (path: string) => provider.sendPaces(`https://hooks.zapier.com/hooks/${path}`);
  const inFiveMinutes = ({ burst, everyMs }: { burst: number; everyMs: number }): number => burst + 300_000 / everyMs;

  it('is ten in a second for a URL, and below ten thousand in five minutes for a user', () => {
    const [ofUrl, ofUser] = paces('catch/123456/abcdef/');
    expect(ofUrl).toMatchObject({ burst: 1, everyMs: 100 });
    expect(inFiveMinutes(ofUser!)).toBeLessThanOrEqual(10_000);
    expect(inFiveMinutes(ofUser!)).toBeGreaterThan(9_000);
  });

  it('is shared by all hooks of a user, of either form, and by nobody else', () => {
    const keys = ['catch/1/a/', 'catch/1/b/silent/', 'standard/1/abc/', 'catch/2/a/'].map(
      (path) => paces(path)[1]!.key,
    );
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
    expect(paces('catch/1/a/')[0]!.key).not.toBe(paces('catch/1/b/')[0]!.key);
  });

  it.each(['catch/abc123/', 'catch/123/', 'catch/123/silent/'])('of an old URL %s is its own, and slow', (path) => {
    const [, old] = paces(path);
    expect(inFiveMinutes(old!)).toBeLessThanOrEqual(1_000);
    expect(old!.key).toMatch(/^old-url-/);
  });

  it('names nothing of the URL', () => {
    expect(JSON.stringify(paces('catch/7654321/qwertz/'))).not.toMatch(/7654321|qwertz/);
  });
});

describe('the metadata of a webhook', () => {
  it('begin with nothing known', async () => {
    expect(await provider.metadata({ known: {} })).toEqual({
      ok: true,
      metadata: { webhookStatus: 'unverified', lastDeliveryAt: null },
      account: null,
      onlyFillsIn: true,
    });
  });

  it('stay as deliveries have left them', async () => {
    const known = { webhookStatus: 'reachable', lastDeliveryAt: '2026-11-22T10:00:00.000Z' };
    expect(await provider.metadata({ known })).toMatchObject({ metadata: known });
  });
});

describe('a delivery', () => {
  const endpoints = { authorizeUrl: '', tokenUrl: '', revokeUrl: null, apiBaseUrl: 'http://localhost:9/zapier' };

  it("goes to the URL's path at the server that is set", () => {
    expect(webhookAddress(endpoints, 'https://hooks.zapier.com/hooks/catch/1/a/')).toBe(
      'http://localhost:9/zapier/hooks/catch/1/a/',
    );
  });

  it('is taken by a 200, whatever it says', () => {
    expect(readDeliveryOutcome(provider, { kind: 'answer', answer: anAnswer(200) })).toBeUndefined();
  });

  it.each([
    ['a hook that is gone', anAnswer(410, {}), 'invalid_grant', 'definite'],
    ['a hook that wants to be forgotten', anAnswer(404, 'Please unsubscribe me!'), 'invalid_grant', 'definite'],
    ['an unknown path', aPage(404), 'bad_provider_response', 'transient'],
    ['a refusal', anAnswer(401), 'bad_provider_response', 'transient'],
    ['a forbidden one', anAnswer(403), 'bad_provider_response', 'transient'],
    ['a body it cannot read', anAnswer(400), 'provider_misconfigured', 'ours'],
    ['a body too large for it', anAnswer(413), 'provider_misconfigured', 'ours'],
    ['a throttle', anAnswer(429), 'rate_limited', 'transient'],
    ['an outage', aPage(503), 'provider_unavailable', 'transient'],
    ['a redirect', anAnswer(302), 'bad_provider_response', 'transient'],
  ])('that meets %s failed', (_what, answer, code, kind) => {
    expect(readDeliveryOutcome(provider, { kind: 'answer', answer })).toMatchObject({ code, kind });
  });

  it('that was lost may be sent again', () => {
    expect(readDeliveryOutcome(provider, { kind: 'no_answer', reason: 'timeout' })).toMatchObject({
      kind: 'transient',
    });
  });
});
