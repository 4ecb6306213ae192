import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ANYONES } from '../support/accounts';
import { HttpStandIn } from '../support/http-stand-in';
import { formOn } from '../support/page-form';
import { parametersOf } from '../support/person';
import { RETURN_URL, SITE_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback, type OAuthName } from './support/attack-stand';
import { Verdicts } from './support/verdicts';

/** Attacks 14 to 16, 22, 27 and 31 of the catalogue: answers of one server brought to another, and flows whose settings are not what they were. */
let hub: Stack;
let stand: AttackStand;
let verdicts: Verdicts;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  verdicts = new Verdicts(hub, stand);
});
afterAll(() => hub.stop());

const ISSUER = 'https://accounts.google.com';

function withParameters(url: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const copy = new URL(url);
  for (const [name, value] of Object.entries(parameters))
    if (value === undefined) copy.searchParams.delete(name);
    else copy.searchParams.set(name, value);
  return copy.href;
}

const PAIRS = OAUTH.flatMap((from) =>
  [...OAUTH, 'zapier'].filter((to) => to !== from).map((to) => [from, to] as [OAuthName, string]),
);
it.each(PAIRS)('a state of %s ends at the callback of %s', async (from, to) => {
  const started = await stand.atCallback(from);
  const url = started.url.replace(`/integrations-callback/${from}`, `/integrations-callback/${to}`);
  expect(url).toContain(`/integrations-callback/${to}?`);
  await verdicts.endsInBadState(started, () => started.person.get(url), 'flow.provider_mismatch');
  expect(await hub.sandbox.log({ provider: to, account: started.account.name, kind: 'exchange' })).toEqual([]);
});

describe('an issuer', () => {
  const WRONG: Record<string, (url: string) => string> = {
    'of somebody else': (url) => withParameters(url, { iss: 'https://evil.example' }),
    'with a slash at its end': (url) => withParameters(url, { iss: `${ISSUER}/` }),
    'in other letters': (url) => withParameters(url, { iss: ISSUER.replace('accounts', 'Accounts') }),
    'without TLS': (url) => withParameters(url, { iss: ISSUER.replace('https', 'http') }),
    'with a port': (url) => withParameters(url, { iss: `${ISSUER}:443` }),
    'with a space': (url) => withParameters(url, { iss: `${ISSUER} ` }),
    'that is empty': (url) => withParameters(url, { iss: '' }),
    'that comes twice': (url) => `${url}&iss=${encodeURIComponent(ISSUER)}`,
    'that comes twice, once as another': (url) => `${url}&iss=${encodeURIComponent('https://evil.example')}`,
  };
  it.each(Object.keys(WRONG))('%s ends a flow of google_drive', async (what) => {
    const started = await stand.atCallback('google_drive');
    expect(parametersOf(started.url)['iss']).toBe(ISSUER);
    await verdicts.endsInBadState(started, () => started.person.get(WRONG[what]!(started.url)), 'flow.issuer_mismatch');
  });

  it.each(['notion', 'shopify'] as const)('that comes twice ends a flow of %s, which sends none', async (provider) => {
    const started = await stand.atCallback(provider);
    const iss = `iss=${encodeURIComponent(ISSUER)}`;
    const once = await stand.signed(provider, `${started.url}&${iss}`);
    await verdicts.endsInBadState(started, () => started.person.get(`${once}&${iss}`), 'flow.issuer_mismatch');
  });

  it('put into the signed callback of shopify breaks its signature', async () => {
    const started = await stand.atCallback('shopify');
    const url = withParameters(started.url, { iss: ISSUER });
    await verdicts.endsInBadState(started, () => started.person.get(url), 'flow.response_rejected');
  });

  describe('that a provider promises', () => {
    // no provider of today promises it in its metadata: one that does is made of Google's definition
    const preload = path.resolve('test/attacks/support/promised-issuer.cjs');
    beforeAll(() => hub.restart('gateway', { NODE_OPTIONS: `--require ${preload}` }));
    afterAll(() => hub.restart('gateway', { NODE_OPTIONS: null }));

    it('must not be missing', async () => {
      const started = await stand.atCallback('google_drive');
      const url = withParameters(started.url, { iss: undefined });
      await verdicts.endsInBadState(started, () => started.person.get(url), 'flow.issuer_mismatch');
      const good = await stand.atCallback('google_drive');
      expect(parametersOf((await good.person.opens(good.url)).sentTo ?? '')).toEqual({ success: 'google_drive' });
    });
  });
});

it.each(OAUTH)('another account of %s takes the place of none', async (provider) => {
  const caller = hub.as();
  const [mine, other] = [ANYONES[provider](), ANYONES[provider]()];
  const before = await hub.connect(caller, mine.order, mine.choices);
  const person = hub.person();
  const url = await person.consents(await person.starts(caller, other.order), other.choices);
  const { answer, changed } = await stand.asked(() => person.get(url));
  expect([answer.status, answer.headers.get('location')]).toEqual([
    302,
    `${SITE_URL}/integrations?error=account_mismatch&provider=${provider}`,
  ]);
  // the grant that is not kept goes back, but for Shopify's: that would uninstall the app
  expect(changed).toEqual(provider === 'shopify' ? ['flows'] : ['flows', 'revocations']);
  expect((await caller.read(provider)).body).toEqual(before);
  await hub.event(caller, 'integration.account_mismatch', { provider });
});

describe('a request that names another host', () => {
  const EVIL = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' };
  const HOSTS = ['evil.example', 'evil.example:443', 'localhost@evil.example'];

  it.each(OAUTH)('moves no address of a connect of %s', async (provider) => {
    for (const host of HOSTS) {
      const caller = hub.as();
      const headers = {
        host,
        ...EVIL,
        authorization: await caller.authorization(),
        'content-type': 'application/json',
      };
      const body = JSON.stringify(ANYONES[provider]().order);
      const begun = await stand.raw('POST', '/functions/v1/integrations-connect', headers, body);
      expect([host, begun.status]).toEqual([host, 200]);
      const { authUrl } = JSON.parse(begun.text) as { authUrl: string };
      expect(parametersOf(authUrl)['redirect_uri']).toBe(stand.callback(provider));
      expect(begun.text).not.toContain('evil');
    }
  });

  it.each(OAUTH)('is led where everybody is by the callback of %s', async (provider) => {
    for (const host of HOSTS) {
      const bound = await stand.atCallback(provider);
      const cookie = bound.person.cookieHeader(bound.url);
      const pathOf = (url: string) => url.slice(hub.publicUrl.length);
      const there = await stand.raw('GET', pathOf(bound.url), { host, ...EVIL, cookie });
      expect(there.headers['location']).toBe(`${SITE_URL}/integrations?success=${provider}`);
      const unbound = await stand.atCallback(provider);
      const parked = await stand.raw('GET', pathOf(unbound.url), { host, ...EVIL });
      expect(parked.headers['location']).toMatch(new RegExp(`^${hub.publicUrl}/functions/v1/integrations-confirm/`));
    }
  });

  it.each(['shopify', 'zapier'] as const)('sees the input page of %s post to the hub', async (provider) => {
    const { body } = await hub.as().begin({ provider });
    const shown = await stand.raw('GET', body.authUrl.slice(hub.publicUrl.length), { host: HOSTS[0]!, ...EVIL });
    expect(formOn(shown.text)?.action).toBe(body.authUrl);
    expect(shown.text + JSON.stringify(shown.headers)).not.toContain('evil');
  });
});

describe('settings that have changed since a flow began', () => {
  /** A flow at its callback, and one that waits before its confirm page. */
  interface Begun {
    readonly atCallback: AtCallback;
    readonly parked: AtCallback;
    readonly press: () => Promise<Response>;
  }
  type AllBegun = Readonly<Record<OAuthName, Begun>>;

  async function begun(provider: OAuthName, order: object): Promise<Begun> {
    const [atCallback, parked] = [
      await stand.atCallback(provider, { ...order }),
      await stand.atCallback(provider, { ...order }),
    ];
    const other = hub.person();
    const page = (await other.get(parked.url)).headers.get('location') ?? '';
    const fields = formOn(await (await other.get(page)).text())?.fields ?? [];
    expect(fields).toHaveLength(1);
    return { atCallback, parked, press: () => other.post(page, fields) };
  }

  async function allBegun(order: object = {}): Promise<AllBegun> {
    return {
      shopify: await begun('shopify', order),
      notion: await begun('notion', order),
      google_drive: await begun('google_drive', order),
    };
  }

  const reached: string[] = [];
  const hostile = new HttpStandIn((asked, response) => {
    reached.push(asked.path);
    response.writeHead(200).end('{}');
  });
  beforeAll(() => hostile.start());
  afterAll(() => hostile.stop());

  /** The endpoints file, with every token endpoint on the hostile server. */
  function movedFile(): string {
    const file = hub.environment['PROVIDER_ENDPOINTS_FILE'] ?? '';
    const endpoints = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>;
    for (const [provider, own] of Object.entries(endpoints))
      if (own['tokenUrl'] !== undefined)
        own['tokenUrl'] = `${hostile.url}/${provider}${provider === 'shopify' ? '/{shop}' : ''}`;
    const moved = path.join(path.dirname(file), 'moved-endpoints.json');
    writeFileSync(moved, JSON.stringify(endpoints));
    return moved;
  }

  const CHANGES: Record<string, { order?: object; env: () => Record<string, string | null>; event: string }> = {
    'the token endpoint': {
      env: () => ({ PROVIDER_ENDPOINTS_FILE: movedFile() }),
      event: 'flow.context_mismatch',
    },
    'the registration': {
      env: () => ({ SHOPIFY_CLIENT_ID: 'another', NOTION_CLIENT_ID: 'another', GOOGLE_CLIENT_ID: 'another' }),
      event: 'flow.context_mismatch',
    },
    'the list of return URLs': {
      order: { redirectUri: RETURN_URL },
      env: () => ({ REDIRECT_ALLOWLIST: 'https://app.example/elsewhere' }),
      event: 'flow.redirect_rejected',
    },
  };

  describe.each(Object.keys(CHANGES))('%s', (what) => {
    const { order = {}, env, event } = CHANGES[what]!;
    let before: AllBegun;
    beforeAll(async () => {
      before = await allBegun(order);
      await hub.restart('gateway', env());
    });
    afterAll(() => hub.restart('gateway', { ...hub.environment, REDIRECT_ALLOWLIST: RETURN_URL }));

    it.each(OAUTH)('end a flow of %s at its callback, and its code goes nowhere', async (provider) => {
      const { atCallback } = before[provider];
      await verdicts.endsInBadState(atCallback, () => atCallback.person.get(atCallback.url), event);
      expect(reached).toEqual([]);
    });

    it.each(OAUTH)('end a flow of %s that waited for its button', async (provider) => {
      const { parked, press } = before[provider];
      await verdicts.endsInBadState(parked, press, event);
      expect(reached).toEqual([]);
    });
  });
});
