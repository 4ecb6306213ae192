import { randomUUID } from 'node:crypto';
import { CALLER_SCOPES, type CallerScope } from '@hub/domain';
import { ANYONES } from '../support/accounts';
import { signed, standing } from '../support/bearer';
import type { Answer } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf, parametersOf, type Ending } from '../support/person';
import { SITE_URL, Stack } from '../support/stack';

/** What the hub refuses, and that nothing is stored then. */
let hub: Stack;
const FILES = 'https://www.googleapis.com/auth/drive.file';
const NAMES = 'https://www.googleapis.com/auth/drive.metadata.readonly';
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway', 'refresh-worker'], env: { GOOGLE_SCOPES: `${FILES} ${NAMES}` } });
});
afterAll(() => hub.stop());

function problem(answer: Answer): [number, unknown, string | null] {
  return [answer.status, codeOf(answer), answer.headers.get('content-type')];
}
const PROBLEM_TYPE = 'application/problem+json';

/** Does something and tells whether any row of integrations and flows has changed by it. */
async function storing(act: () => Promise<unknown>): Promise<boolean> {
  const rows = () => Promise.all([hub.database.checksum('integrations'), hub.database.checksum('flows')]);
  const before = await rows();
  await act();
  return JSON.stringify(await rows()) !== JSON.stringify(before);
}

describe('a caller', () => {
  const good = () => ({ sub: 'ada', org_id: randomUUID(), scope: CALLER_SCOPES.join(' '), ...standing() });
  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  const BAD_TOKENS: Record<string, () => Promise<string> | string> = {
    'no token at all': () => '',
    'an empty one': () => 'Bearer ',
    'another scheme': async () => `Basic ${await signed(good())}`,
    'some other text': () => 'Bearer hello',
    'two tokens': async () => `Bearer ${await signed(good())} ${await signed(good())}`,
    'alg none': () => `Bearer ${b64({ alg: 'none', typ: 'JWT' })}.${b64(good())}.`,
    'alg none in other letters, with a signature': async () =>
      `Bearer ${b64({ alg: 'nOnE' })}.${b64(good())}.${(await signed(good())).split('.')[2]}`,
    'another algorithm of the same family': async () => `Bearer ${await signed(good(), undefined, 'HS512')}`,
    'an algorithm of a key set that is not there': async () =>
      `Bearer ${b64({ alg: 'RS256' })}.${(await signed(good())).split('.').slice(1).join('.')}`,
    'another secret': async () => `Bearer ${await signed(good(), 'another-secret-of-at-least-32-bytes!')}`,
    'a changed payload': async () => {
      const [header, , signature] = (await signed(good())).split('.');
      return `Bearer ${header}.${b64({ ...good(), sub: 'mallory' })}.${signature}`;
    },
    'a cut signature': async () => `Bearer ${(await signed(good())).slice(0, -4)}`,
    'one that has expired': async () => `Bearer ${await signed({ ...good(), exp: standing().iat! - 60 })}`,
    'one that is not valid yet': async () => `Bearer ${await signed({ ...good(), nbf: standing().iat! + 600 })}`,
    'another issuer': async () => `Bearer ${await signed({ ...good(), iss: 'https://login.example' })}`,
    'another audience': async () => `Bearer ${await signed({ ...good(), aud: 'something-else' })}`,
    'no org': async () => `Bearer ${await signed({ ...good(), org_id: undefined })}`,
    'an org that is no UUID': async () => `Bearer ${await signed({ ...good(), org_id: 'acme' })}`,
    "the system's own org": async () =>
      `Bearer ${await signed({ ...good(), org_id: '00000000-0000-0000-0000-000000000000' })}`,
    'no subject': async () => `Bearer ${await signed({ ...good(), sub: undefined })}`,
    'one as long as a book': async () => `Bearer ${await signed({ ...good(), book: 'x'.repeat(9_000) })}`,
  };

  it.each(Object.keys(BAD_TOKENS))('is nobody with %s', async (what) => {
    const authorization = await BAD_TOKENS[what]!();
    const answer = await hub.as().request('GET', '/functions/v1/integrations', { headers: { authorization } });
    expect(problem(answer)).toEqual([401, 'unauthorized', PROBLEM_TYPE]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.body).toMatchObject({
      type: expect.stringMatching(/^(urn|https):/),
      title: expect.any(String),
      status: 401,
      detail: expect.any(String),
      instance: `urn:uuid:${answer.headers.get('x-request-id')}`,
    });
  });

  /** An answer to HEAD has no body to tell its code. */
  const bodyOf = (method: string, code: string) => (method === 'HEAD' ? undefined : code);

  /** Every route of the document that needs a caller, with the scope that it needs. */
  function guarded(): { method: string; path: string; scope: CallerScope }[] {
    return Object.entries(hub.conformity.document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, operation]) => {
        const { description = '', security } = operation as { description?: string; security?: unknown };
        const scope = CALLER_SCOPES.find((known) => description.includes(`\`${known}\``));
        if (security === undefined || scope === undefined) return [];
        return [{ method: method.toUpperCase(), path: path.replace('{provider}', 'notion'), scope }];
      }),
    );
  }

  it('is asked for on every route that touches an org', async () => {
    expect(guarded().length).toBeGreaterThanOrEqual(8);
    for (const { method, path } of guarded()) {
      const answer = await hub.as().request(method, path, { headers: { authorization: '' } });
      expect([path, ...problem(answer)]).toEqual([path, 401, bodyOf(method, 'unauthorized'), PROBLEM_TYPE]);
    }
  });

  it('needs the one scope of each route, and no other scope stands in for it', async () => {
    for (const { method, path, scope } of guarded()) {
      const caller = hub.as(undefined, { scopes: CALLER_SCOPES.filter((other) => other !== scope) });
      const answer = await caller.request(method, path);
      expect([path, ...problem(answer)]).toEqual([path, 403, bodyOf(method, 'forbidden'), PROBLEM_TYPE]);
    }
  });

  it('is denied on record, with the route and without the token', async () => {
    const org = randomUUID();
    await hub.as(org, { scopes: ['integrations:read'], sub: 'bob' }).disconnect('notion');
    const denied = await hub.event(hub.as(org), 'auth.forbidden');
    expect(denied).toMatchObject({ actor: { type: 'user', id: 'bob' }, detail: { scope: 'integrations:write' } });
  });

  it('is told apart by address, which other orgs and who tries all addresses do not find', async () => {
    const [address, elsewhere] = ['203.0.113.7', '203.0.113.8'];
    const marks = async (org: string, from: string) => {
      const caller = hub.as(org, { scopes: ['audit:read', 'integrations:read'] });
      const after = await hub.lastSeq(caller);
      await caller.request('GET', '/functions/v1/integrations/dead-letters', { headers: { 'x-forwarded-for': from } });
      return (await hub.event(caller, 'auth.forbidden', { after })).detail['address'];
    };
    const [one, other] = [randomUUID(), randomUUID()];
    const mark = await marks(one, address);
    expect(mark).toMatch(/^[0-9a-f]{16}$/);
    expect(await marks(one, address)).toBe(mark);
    expect(await marks(one, elsewhere)).not.toBe(mark);
    expect(await marks(other, address)).not.toBe(mark);
  });

  it('cannot see, use or end what another org has', async () => {
    const owner = hub.as();
    const account = ANYONES.notion();
    const before = await hub.connect(owner, account.order, account.choices);
    const stranger = hub.as();
    const seen = (await stranger.read('notion')).body;
    expect(seen).toEqual((await hub.as().read('notion')).body);
    expect(seen).toMatchObject({ status: 'not_connected', account: null, metadata: {}, createdAt: null });
    for (const answer of [
      await stranger.token('notion'),
      await stranger.refresh('notion'),
      await stranger.sync('notion'),
    ])
      expect(problem(answer)).toEqual([404, 'not_connected', PROBLEM_TYPE]);
    expect((await stranger.disconnect('notion')).status).toBe(204);
    expect((await stranger.audit()).body).toEqual({ events: [], nextCursor: null });
    expect((await owner.read('notion')).body.createdAt).toBe(before.createdAt);
    expect((await owner.token('notion')).status).toBe(200);
  });
});

describe('a request', () => {
  const connect = '/functions/v1/integrations-connect';

  it('for a provider that nobody knows is 404 unknown_provider, in path and body alike', async () => {
    const caller = hub.as();
    for (const name of ['myspace', 'NOTION', 'notion%20', 'constructor', '__proto__', 'x'.repeat(60)]) {
      for (const answer of [
        await caller.read(name),
        await caller.token(name),
        await caller.refresh(name),
        await caller.sync(name),
        await caller.disconnect(name),
        await caller.begin({ provider: decodeURIComponent(name) }),
        await caller.audit(`?provider=${name}`),
        await caller.deadLetters(`?provider=${name}`),
        await caller.replayAll({ provider: decodeURIComponent(name) }),
      ])
        expect([name, ...problem(answer)]).toEqual([name, 404, 'unknown_provider', PROBLEM_TYPE]);
    }
  });

  it.each([
    ['no JSON', '{"provider":', 400],
    ['nothing', '', 422],
    ['a list', '[]', 422],
    ['a list of bodies', '[{"provider":"notion"}]', 422],
    ['a text', '"notion"', 422],
    ['a number', '5', 422],
    ['null', 'null', 422],
    ['a prototype', '{"provider":"notion","__proto__":{"admin":true}}', 400],
    ['a nested prototype', '{"provider":"notion","constructor":{"prototype":{"admin":true}}}', 400],
    ['no provider', '{}', 422],
    ['a provider that is no text', '{"provider":["notion"]}', 422],
    ['an empty provider', '{"provider":""}', 422],
    ['a shop that is no text', '{"provider":"shopify","shop":{"$ne":null}}', 422],
    ['another completion', '{"provider":"notion","completion":"magic"}', 422],
    ['a flag that is no flag', '{"provider":"notion","allowAccountChange":"yes"}', 422],
  ])('with %s as its body is invalid_request', async (_what, raw, status) => {
    const caller = hub.as();
    let answer: Answer | undefined;
    expect(await storing(async () => (answer = await caller.request('POST', connect, { raw })))).toBe(false);
    expect(problem(answer!)).toEqual([status, 'invalid_request', PROBLEM_TYPE]);
  });

  it.each([
    'orgId',
    'org_id',
    'scope',
    'scopes',
    'state',
    'status',
    'accessToken',
    'refresh_token',
    'client_id',
    'redirect_uri',
    'response_type',
    'code_challenge',
    'user',
  ])('may not bring the key %s, and hears its name but no value', async (key) => {
    const canary = 'canary-value';
    const answer = await hub.as().begin({ provider: 'notion', [key]: canary });
    expect(problem(answer)).toEqual([422, 'invalid_request', PROBLEM_TYPE]);
    expect(answer.text).toContain(key);
    expect(answer.text).not.toContain(canary);
  });

  it('larger than the hub reads is 413, and one of another media type is 415', async () => {
    const caller = hub.as();
    const large = await caller.request('POST', connect, { raw: JSON.stringify({ provider: 'x'.repeat(70_000) }) });
    expect(problem(large)).toEqual([413, 'invalid_request', PROBLEM_TYPE]);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data']) {
      const answer = await caller.request('POST', connect, {
        raw: 'provider=notion',
        headers: { 'content-type': type },
      });
      expect([type, ...problem(answer)]).toEqual([type, 415, 'invalid_request', PROBLEM_TYPE]);
    }
  });

  it('with a body where none is taken is refused, an empty object is not', async () => {
    const caller = hub.as();
    const path = '/functions/v1/integrations/notion/refresh';
    expect(problem(await caller.request('POST', path, { body: { force: true } }))).toEqual([
      422,
      'invalid_request',
      PROBLEM_TYPE,
    ]);
    for (const raw of ['{}', ''])
      expect(problem(await caller.request('POST', path, { raw }))).toEqual([404, 'not_connected', PROBLEM_TYPE]);
  });

  it.each([
    ['read with a query', 'GET', '/functions/v1/integrations/notion?verbose=1'],
    ['list with a query', 'GET', '/functions/v1/integrations?limit=5'],
    ['uninstall that is neither true nor false', 'DELETE', '/functions/v1/integrations/shopify?uninstall=yes'],
    ['uninstall twice', 'DELETE', '/functions/v1/integrations/shopify?uninstall=true&uninstall=false'],
    ['a minTtl below zero', 'GET', '/functions/v1/integrations/notion/token?minTtl=-1'],
    ['a minTtl beyond a day', 'GET', '/functions/v1/integrations/notion/token?minTtl=86401'],
    ['a minTtl with a fraction', 'GET', '/functions/v1/integrations/notion/token?minTtl=1.5'],
    ['a minTtl that is a word', 'GET', '/functions/v1/integrations/notion/token?minTtl=soon'],
    ['an empty minTtl', 'GET', '/functions/v1/integrations/notion/token?minTtl='],
    ['an audit limit of 0', 'GET', '/functions/v1/integrations/audit?limit=0'],
    ['an audit limit of 201', 'GET', '/functions/v1/integrations/audit?limit=201'],
    ['a cursor that is none', 'GET', '/functions/v1/integrations/audit?cursor=abc'],
    ['an unknown audit filter', 'GET', '/functions/v1/integrations/audit?org=all'],
    ['a dead letters limit of 0', 'GET', '/functions/v1/integrations/dead-letters?limit=0'],
    ['a dead letters limit of 201', 'GET', '/functions/v1/integrations/dead-letters?limit=201'],
    ['a dead letters cursor that is none', 'GET', '/functions/v1/integrations/dead-letters?cursor=50'],
    ['an unknown kind of dead letter', 'GET', '/functions/v1/integrations/dead-letters?kind=token'],
    ['an unknown dead letters filter', 'GET', '/functions/v1/integrations/dead-letters?org=all'],
    ['a replay with a query', 'POST', '/functions/v1/integrations/dead-letters/replay?kind=refresh'],
  ])('with %s is 422', async (_what, method, path) => {
    expect(problem(await hub.as().request(method, path))).toEqual([422, 'invalid_request', PROBLEM_TYPE]);
  });

  it.each(['null', '[]', 'true', '""'])('with the body %s is 422, never taken as an empty one', async (raw) => {
    for (const path of [
      connect,
      '/functions/v1/integrations/dead-letters/replay',
      '/functions/v1/integrations/notion/sync',
    ])
      expect([path, ...problem(await hub.as().request('POST', path, { raw }))]).toEqual([
        path,
        422,
        'invalid_request',
        PROBLEM_TYPE,
      ]);
  });

  it('by another method is 405 and hears which ones are taken', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/functions/v1/integrations', 'GET'],
      ['POST', '/functions/v1/integrations/notion', 'DELETE, GET'],
      ['GET', connect, 'POST'],
      ['HEAD', '/functions/v1/integrations-callback/notion', 'GET'],
      ['POST', '/functions/v1/integrations-callback/notion', 'GET'],
      ['PATCH', '/functions/v1/integrations/notion/token', 'GET'],
      ['GET', '/functions/v1/integrations/dead-letters/replay', 'POST'],
      ['DELETE', '/openapi.json', 'GET, HEAD'],
      ['HEAD', '/functions/v1/integrations', 'GET'],
      ['DELETE', '/functions/v1/integrations/audit', 'GET'],
      ['DELETE', '/functions/v1/integrations/audit?limit=1', 'GET'],
      ['POST', '/functions/v1/integrations/dead-letters', 'GET'],
      ['DELETE', '/functions/v1/integrations/dead-letters', 'GET'],
      ['DELETE', '/functions/v1/integrations/live', 'GET'],
      ['PATCH', '/functions/v1/integrations/live', 'GET'],
    ] as const) {
      const answer = await hub.as().request(method, path);
      expect([path, answer.status, answer.headers.get('allow')]).toEqual([path, 405, allow]);
      if (method !== 'HEAD') expect(problem(answer)).toEqual([405, 'invalid_request', PROBLEM_TYPE]);
    }
  });

  it.each(['/health/live', '/health/ready', '/openapi.json', '/docs', '/integrations'])(
    'by HEAD of %s is answered as GET is, without the body',
    async (path) => {
      const headers = { 'accept-encoding': 'identity' };
      const get = await fetch(hub.base + path, { headers });
      const head = await fetch(hub.base + path, { method: 'HEAD', headers });
      expect(await head.text()).toBe('');
      const told = ({ status, headers }: Response) => [
        status,
        headers.get('content-type'),
        headers.get('content-length'),
      ];
      expect(told(head)).toEqual(told(get));
      expect(Number(head.headers.get('content-length'))).toBe((await get.arrayBuffer()).byteLength);
    },
  );

  it.each(['/health/live?x=1', '/health/ready?x=1&x=2', '/openapi.json?v=3'])(
    'of %s is answered whatever its query',
    async (path) => {
      expect((await fetch(hub.base + path)).status).toBe(200);
    },
  );

  it('for a path that is not there is 404 not_found', async () => {
    for (const path of ['/functions/v1', '/functions/v1/integration', '/functions/v1/integrations/notion/tokens', '/x'])
      expect(problem(await hub.as().get(path))).toEqual([404, 'not_found', PROBLEM_TYPE]);
  });

  it.each([
    ['GET', '/functions/v1/integrations/'],
    ['DELETE', '/functions/v1/integrations/'],
    ['GET', '/functions/v1/integrations//token'],
    ['GET', `${connect}/`],
    ['POST', `${connect}/`],
    ['GET', '/functions/v1/integrations-confirm/'],
    ['GET', '/functions/v1/integrations-callback/?state=x'],
  ])('whose path names nothing where a name belongs is 404 not_found: %s %s', async (method, path) => {
    const raw = method === 'POST' ? '{"provider":"notion"}' : undefined;
    const answer = await hub.as().request(method, path, raw === undefined ? {} : { raw });
    expect(problem(answer)).toEqual([404, 'not_found', PROBLEM_TYPE]);
  });

  it('whose URL cannot be parsed is 400', async () => {
    expect(problem(await hub.as().get('/functions/v1/integrations/%ff'))).toEqual([
      400,
      'invalid_request',
      PROBLEM_TYPE,
    ]);
  });

  it.each([
    'https://evil.example',
    '//app.example',
    'https://app.example@evil.example/',
    'https://app.example\\@evil.example/',
    'https://app.example/integrations/',
    'https://app.example/integrations/more',
    'https://app.example/integrations?x=1',
    'https://app.example/Integrations',
    'https://APP.example/integrations',
    'https://app.example:443/integrations',
    'https://app.example./integrations',
    'http://app.example/integrations',
    'https://app.example/integrations#done',
    'https://app.example/settings',
    'https://app.example/settings?tab=apps&more=1',
    'javascript:alert(1)',
    'data:text/html,hello',
    'https://app.exam\u200bple/integrations',
    '/integrations',
    '',
  ])('for a return to %s is 422 redirect_uri_not_allowed', async (redirectUri) => {
    const caller = hub.as();
    let answer: Answer | undefined;
    expect(await storing(async () => (answer = await caller.begin({ provider: 'notion', redirectUri })))).toBe(false);
    expect(problem(answer!)).toEqual([422, 'redirect_uri_not_allowed', PROBLEM_TYPE]);
    await hub.event(caller, 'flow.redirect_rejected');
  });

  it.each([
    'http://hooks.zapier.com/hooks/catch/1/abc/',
    'https://hooks.zapier.com:8443/hooks/catch/1/abc/',
    'https://hooks.zapier.com.evil.example/hooks/catch/1/abc/',
    'https://evil.example/hooks/catch/1/abc/',
    'https://hooks.zapier.com@evil.example/hooks/catch/1/abc/',
    'https://user:pw@hooks.zapier.com/hooks/catch/1/abc/',
    'https://hooks.zapier.com\\@evil.example/hooks/catch/1/abc/',
    'https://HOOKS.zapier.com/hooks/catch/1/abc/',
    'https://hooks.zapier.com./hooks/catch/1/abc/',
    'https://hooks.zapier.com/hooks/catch/1/abc/?next=evil',
    'https://hooks.zapier.com/hooks/catch/1/abc/#x',
    'https://hooks.zapier.com/hooks/catch/../../x',
    'https://hooks.zapier.com/',
    'https://zapier.com/hooks/catch/1/abc/',
    'https://127.0.0.1/hooks/catch/1/abc/',
    'https://127.1/hooks/catch/1/abc/',
    'https://0x7f.1/hooks/catch/1/abc/',
    'https://2130706433/hooks/catch/1/abc/',
    'https://[::ffff:7f00:1]/hooks/catch/1/abc/',
    'https://169.254.169.254/latest/meta-data',
    'https://hooks.z\u0430pier.com/hooks/catch/1/abc/',
    'ftp://hooks.zapier.com/hooks/catch/1/abc/',
    'not a url',
  ])('with the webhook %s is 422 webhook_host_not_allowed', async (webhookUrl) => {
    const caller = hub.as();
    let answer: Answer | undefined;
    expect(await storing(async () => (answer = await caller.begin({ provider: 'zapier', webhookUrl })))).toBe(false);
    expect(problem(answer!)).toEqual([422, 'webhook_host_not_allowed', PROBLEM_TYPE]);
    expect(answer!.text).not.toContain('/abc/');
    await hub.event(caller, 'webhook.rejected');
  });

  it.each([
    '',
    'a b',
    'shop.example.com',
    'x.myshopify.com.evil.example',
    'evil.example/x.myshopify.com',
    '-x',
    '../x',
  ])('with the shop “%s” is 422', async (shop) => {
    expect(problem(await hub.as().begin({ provider: 'shopify', shop }))).toEqual([
      422,
      'invalid_request',
      PROBLEM_TYPE,
    ]);
  });

  it('with an input that its provider does not take is 422', async () => {
    for (const body of [
      { provider: 'notion', shop: 'acme' },
      { provider: 'shopify', webhookUrl: 'https://hooks.zapier.com/hooks/catch/1/abc/' },
    ])
      expect(problem(await hub.as().begin(body))).toEqual([422, 'invalid_request', PROBLEM_TYPE]);
  });
});

describe('a provider without credentials', () => {
  it('is shown as not configured, refuses connects, and stops nothing else', async () => {
    const without = await Stack.start({
      apps: ['gateway'],
      env: { NOTION_CLIENT_ID: null, NOTION_CLIENT_SECRET: null },
    });
    try {
      const caller = without.as();
      const configured = (await caller.list()).body.integrations.map((one) => [one.provider, one.configured]);
      expect(configured).toEqual([
        ['google_drive', true],
        ['notion', false],
        ['shopify', true],
        ['zapier', true],
      ]);
      expect(problem(await caller.begin({ provider: 'notion' }))).toEqual([
        409,
        'provider_not_configured',
        PROBLEM_TYPE,
      ]);
      expect((await caller.read('notion')).body).toMatchObject({ status: 'not_connected', configured: false });
      const account = ANYONES.google_drive();
      expect((await without.connect(caller, account.order, account.choices)).status).toBe('connected');
    } finally {
      await without.stop();
    }
  });
});

describe('a callback', () => {
  /** A browser that started a connect, and the callback with which the provider sends it back. */
  async function atCallback(provider: 'notion' | 'google_drive' | 'shopify', choices = {}) {
    const caller = hub.as();
    const person = hub.person();
    const account = ANYONES[provider]();
    const authUrl = await person.starts(caller, account.order);
    const url = await person.consents(authUrl, { ...account.choices, ...choices });
    return { caller, person, account, url };
  }

  function changed(url: string, parameters: Record<string, string | undefined>): string {
    const copy = new URL(url);
    for (const [name, value] of Object.entries(parameters))
      if (value === undefined) copy.searchParams.delete(name);
      else copy.searchParams.set(name, value);
    return copy.href;
  }

  async function isConnected(caller: Awaited<ReturnType<typeof atCallback>>['caller'], provider: string) {
    return (await caller.read(provider)).body.status !== 'not_connected';
  }

  /** What was answered: the code that went to the site, or the status of the page. */
  function outcomeOf({ sentTo, status }: Ending): unknown {
    return sentTo === undefined ? status : parametersOf(sentTo);
  }

  it.each(['notion', 'google_drive', 'shopify'] as const)(
    'of %s that tells of a denied consent leads back with access_denied and stores nothing',
    async (provider) => {
      const { caller, person, url } = await atCallback(provider, { decision: 'deny' });
      const ending = await person.opens(url);
      expect(ending.sentTo).toBe(`${SITE_URL}/integrations?error=access_denied&provider=${provider}`);
      expect(ending.status).toBe(302);
      expect(await isConnected(caller, provider)).toBe(false);
      await hub.event(caller, 'flow.denied');
    },
  );

  it('works once', async () => {
    const { caller, person, url } = await atCallback('notion');
    expect(outcomeOf(await person.opens(url))).toEqual({ success: 'notion' });
    const before = await hub.database.checksum('integrations');
    expect(outcomeOf(await person.opens(url))).toBe(400);
    expect(await hub.database.checksum('integrations')).toBe(before);
    await hub.event(caller, 'flow.state_replayed');
  });

  it('comes too late after ten minutes by the clock of the database', async () => {
    const { caller, person, url } = await atCallback('google_drive');
    const rows = await hub.database.rows<{ life: number }>(
      `update public.flows set expires_at = now() - interval '1 second' where org_id = $1
       returning extract(epoch from (select f.expires_at - f.created_at from public.flows f where f.id = flows.id))::int as life`,
      [caller.claims.org],
    );
    expect(rows.map(({ life }) => life)).toEqual([600]);
    expect(outcomeOf(await person.opens(url))).toBe(400);
    expect(await isConnected(caller, 'google_drive')).toBe(false);
    await hub.event(caller, 'flow.state_expired');
  });

  it.each(['notion', 'google_drive'] as const)(
    'of %s with a code that was used already leads back with invalid_grant',
    async (provider) => {
      const first = await atCallback(provider);
      await first.person.opens(first.url);
      const second = await atCallback(provider);
      const usedCode = parametersOf(first.url)['code'];
      const ending = await second.person.opens(changed(second.url, { code: usedCode }));
      expect(outcomeOf(ending)).toEqual({ error: 'invalid_grant', provider });
      expect(await isConnected(second.caller, provider)).toBe(false);
      await hub.event(second.caller, 'grant.rejected');
    },
  );

  it('with a code that was stolen from another flow fails at the provider by PKCE', async () => {
    const victim = await atCallback('google_drive');
    const thief = await atCallback('google_drive');
    const stolen = changed(thief.url, { code: parametersOf(victim.url)['code'] });
    expect(outcomeOf(await thief.person.opens(stolen))).toEqual({ error: 'invalid_grant', provider: 'google_drive' });
    expect(await isConnected(thief.caller, 'google_drive')).toBe(false);
  });

  it('without a required scope stores nothing and gives the grant back', async () => {
    const { caller, person, account, url } = await atCallback('google_drive', { scopes: [FILES] });
    expect(outcomeOf(await person.opens(url))).toEqual({ error: 'insufficient_scope', provider: 'google_drive' });
    expect(await isConnected(caller, 'google_drive')).toBe(false);
    expect((await hub.event(caller, 'grant.scope_changed')).detail).toMatchObject({
      missing: NAMES,
    });
    await hub.event(caller, 'revocation.succeeded');
    expect(await hub.sandbox.grants('google_drive', account.name)).toEqual([]);
  });

  it('without a required scope leaves the grant alone that another org stands on', async () => {
    const owner = hub.as();
    const account = ANYONES.google_drive();
    await hub.connect(owner, account.order, account.choices);
    const caller = hub.as();
    const person = hub.person();
    const authUrl = await person.starts(caller, account.order);
    const ending = await person.opens(authUrl, { ...account.choices, scopes: [FILES] });
    expect(outcomeOf(ending)).toEqual({ error: 'insufficient_scope', provider: 'google_drive' });
    expect((await hub.event(caller, 'revocation.skipped')).detail).toMatchObject({ reason: 'others_stand_on_it' });
    const { accessToken } = (await owner.token('google_drive')).body;
    expect(await hub.sandbox.inspect('google_drive', accessToken)).toMatchObject({ works: true });
  });

  it('without the rights to ask whose account it is leaves the grant alone, and says so', async () => {
    const { caller, person, url } = await atCallback('google_drive', { scopes: ['openid'] });
    expect(outcomeOf(await person.opens(url))).toEqual({ error: 'insufficient_scope', provider: 'google_drive' });
    expect((await hub.event(caller, 'revocation.skipped')).detail).toMatchObject({ reason: 'account_unknown' });
  });

  it('of a shop that granted less stores nothing', async () => {
    const account = ANYONES.shopify();
    await hub.sandbox.set('shopify', { grantScopes: ['read_products'] }, account.name);
    const caller = hub.as();
    const person = hub.person();
    const ending = await person.opens(await person.starts(caller, account.order));
    expect(outcomeOf(ending)).toEqual({ error: 'insufficient_scope', provider: 'shopify' });
    expect(await isConnected(caller, 'shopify')).toBe(false);
  });

  it('to another provider than the state was made for ends the flow', async () => {
    const { caller, person, url } = await atCallback('notion');
    const mixedUp = url.replace('/integrations-callback/notion', '/integrations-callback/google_drive');
    expect(outcomeOf(await person.opens(mixedUp))).toBe(400);
    expect(outcomeOf(await person.opens(url))).toBe(400);
    expect(await isConnected(caller, 'notion')).toBe(false);
    expect(await hub.sandbox.log({ provider: 'google_drive', kind: 'exchange', account: 'none' })).toEqual([]);
    await hub.event(caller, 'flow.provider_mismatch');
  });

  it.each([
    ['an issuer that is not the provider', { iss: 'https://evil.example' }, 'flow.issuer_mismatch'],
    ['the issuer with a slash too many', { iss: 'https://accounts.google.com/' }, 'flow.issuer_mismatch'],
    ['a token in the query', { access_token: 'x' }, 'flow.response_rejected'],
  ])('with %s ends the flow without a word', async (_what, parameters, event) => {
    const { caller, person, url } = await atCallback('google_drive');
    expect(outcomeOf(await person.opens(changed(url, parameters)))).toBe(400);
    expect(outcomeOf(await person.opens(url))).toBe(400);
    expect(await isConnected(caller, 'google_drive')).toBe(false);
    await hub.event(caller, event);
  });

  it('with its issuer twice ends the flow without a word', async () => {
    const { caller, person, url } = await atCallback('google_drive');
    const iss = 'iss=https%3A%2F%2Faccounts.google.com';
    expect(outcomeOf(await person.opens(`${url}&${iss}&${iss}`))).toBe(400);
    expect(await isConnected(caller, 'google_drive')).toBe(false);
    await hub.event(caller, 'flow.issuer_mismatch');
  });

  it('with more scopes than were asked stores them as granted, and says which', async () => {
    const account = ANYONES.shopify();
    const granted = ['read_customers', 'read_orders', 'read_products', 'write_products'];
    await hub.sandbox.set('shopify', { grantScopes: granted }, account.name);
    const caller = hub.as();
    const integration = await hub.connect(caller, account.order);
    expect((integration.scope ?? '').split(' ').sort()).toEqual(granted);
    expect((await hub.event(caller, 'grant.scope_changed')).detail).toMatchObject({ added: 'read_customers' });
    const plain = hub.as();
    await hub.connect(plain, ANYONES.shopify().order);
    expect((await hub.trail(plain)).map(({ name }) => name)).not.toContain('grant.scope_changed');
  });

  it.each([
    ['an error and a code', { error: 'access_denied' }, 'invalid_request'],
    ['an error that nobody lists', { code: undefined, error: '<script>alert(1)</script>' }, 'access_denied'],
    [
      'a long story',
      { code: undefined, error: 'access_denied', error_description: 'x'.repeat(8_000) },
      'access_denied',
    ],
    ['an outage', { code: undefined, error: 'temporarily_unavailable' }, 'provider_unavailable'],
    ['no code', { code: undefined }, 'invalid_request'],
    ['an empty code', { code: '' }, 'invalid_request'],
    ['a code with a line break', { code: 'a\nb' }, 'invalid_request'],
  ])('with %s leads back with a code of the list', async (_what, parameters, code) => {
    const { caller, person, url } = await atCallback('google_drive');
    const ending = await person.opens(changed(url, parameters));
    expect(outcomeOf(ending)).toEqual({ error: code, provider: 'google_drive' });
    expect(await isConnected(caller, 'google_drive')).toBe(false);
  });

  it('of Shopify must be signed, recent, and of the shop that was asked', async () => {
    const forged = await atCallback('shopify');
    const hmac = parametersOf(forged.url)['hmac'] ?? '';
    const flipped = hmac.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect(outcomeOf(await forged.person.opens(changed(forged.url, { hmac: flipped })))).toBe(400);
    const unsigned = await atCallback('shopify');
    expect(outcomeOf(await unsigned.person.opens(changed(unsigned.url, { hmac: undefined })))).toBe(400);
    const other = await atCallback('shopify');
    expect(outcomeOf(await other.person.opens(changed(other.url, { shop: 'other.myshopify.com' })))).toBe(400);

    const renamed = ANYONES.shopify();
    await hub.sandbox.set('shopify', { callbackShop: 'other-shop.myshopify.com' }, renamed.name);
    const person = hub.person();
    const ending = await person.opens(await person.starts(hub.as(), renamed.order));
    expect(outcomeOf(ending)).toEqual({ error: 'account_mismatch', provider: 'shopify' });
    for (const { caller } of [forged, unsigned, other]) expect(await isConnected(caller, 'shopify')).toBe(false);
  });

  it.each([
    ['is down', { kind: 'status', status: 503 }, 'provider_unavailable'],
    ['is throttled', { kind: 'rate_limit' }, 'rate_limited'],
    ['is hidden behind a page', { kind: 'html', status: 502 }, 'provider_unavailable'],
    ['stops in the middle of its answer', { kind: 'garbled' }, 'bad_provider_response'],
    ['floods', { kind: 'flood', bytes: 1_000_000 }, 'bad_provider_response'],
    ['names no token', { kind: 'error', status: 200, body: '{"token_type":"bearer"}' }, 'bad_provider_response'],
    [
      'refuses the hub itself',
      { kind: 'error', status: 401, body: '{"error":"invalid_client"}' },
      'provider_misconfigured',
    ],
  ])('whose token endpoint %s leads back with the code that says so', async (_what, fault, code) => {
    const { caller, person, account, url } = await atCallback('notion');
    await hub.sandbox.fault('notion', { on: 'exchange', account: account.name, ...fault });
    expect(outcomeOf(await person.opens(url))).toEqual({ error: code, provider: 'notion' });
    expect(await isConnected(caller, 'notion')).toBe(false);
  });

  it('is written down a number of times for one address, then only counted', async () => {
    const person = hub.person();
    const guesses = 60;
    const callback = (provider: string): string =>
      `${hub.publicUrl}/functions/v1/integrations-callback/${provider}?code=x&state=${'A'.repeat(43)}`;
    // a denial is written once all are that came before it
    const markers = await unknownStates('zapier');
    await hub.person().get(callback('zapier'));
    await eventually('the marker', async () => (await unknownStates('zapier')) > markers || undefined);
    const known = await unknownStates('notion');
    for (let guess = 0; guess < guesses; guess += 1) await person.opens(callback('notion'));
    expect((await unknownStates('notion')) - known).toBeLessThanOrEqual(20);
  });

  async function unknownStates(provider: string): Promise<number> {
    const [row] = await hub.database.rows<{ count: number }>(
      "select count(*)::int as count from public.audit_events where name = 'flow.state_unknown' and provider = $1",
      [provider],
    );
    return row?.count ?? 0;
  }
});
