import { randomUUID } from 'node:crypto';
import { ANYONES, type Account } from '../support/accounts';
import type { Answer, Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';

/** Attacks 23, 33, 35, 36, 41 and 42 of the catalogue: what callers send, ask for of others, or ask for too often. */
let hub: Stack;
let stand: AttackStand;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway', 'refresh-worker'], env: { RATE_LIMIT_CONNECTS: 'off' } });
  stand = new AttackStand(hub);
});
afterAll(() => hub.stop());

const ALL = [...OAUTH, 'zapier'] as const;
const connect = '/functions/v1/integrations-connect';
const outcome = (answer: Answer): [number, unknown] => [answer.status, codeOf(answer)];

/** Waits until the org's trail has so many events of a name. */
const trailHas = (caller: Caller, name: string, count: number) =>
  eventually(`${count} events ${name}`, async () => {
    const events = (await hub.trail(caller)).filter((event) => event.name === name);
    return events.length === count && events;
  });

describe('a body that names what is not the caller’s to say', () => {
  const NAMES = `orgId org_id sub userId user scope scopes requestedScopes state status code code_verifier codeVerifier
    code_challenge code_challenge_method client_id clientId client_secret redirect_uri response_type responseType prompt
    include_granted_scopes access_type accessToken access_token refreshToken refresh_token expiresAt metadata account
    accountId authUrl authorizeUrl tokenUrl endpoints cookie csrf __v constructor prototype toString`.split(/\s+/);

  it.each(ALL)('is refused whole for %s, and no value of it is repeated', async (provider) => {
    const caller = hub.as();
    const { order } = ANYONES[provider]();
    const changed = await stand.changedBy(async () => {
      for (const name of NAMES) {
        // as text: a literal would set the prototype in place of a key
        const raw = `{${JSON.stringify(name)}:"canary-value",${JSON.stringify(order).slice(1)}`;
        const answer = await caller.request('POST', connect, { raw });
        expect([name, ...outcome(answer)]).toEqual([name, 422, 'invalid_request']);
        expect(answer.text).not.toContain('canary-value');
      }
    });
    expect(changed).toEqual([]);
    await trailHas(caller, 'request.invalid', NAMES.length);
  });
});

describe('a webhook URL', () => {
  const HOOK = '/hooks/catch/1/abc/';
  const FORMS = [
    // another host, or another way to the same one
    `https://hooks.zapier.com.evil.example${HOOK}`,
    `https://evil.example${HOOK}`,
    `https://hooks.zapier.com@evil.example${HOOK}`,
    `https://evil.example@hooks.zapier.com${HOOK}`,
    `https://hooks.zapier.com:pw@evil.example${HOOK}`,
    `https://hooks.zapier.com\\@evil.example${HOOK}`,
    `https://evil.example\\@hooks.zapier.com${HOOK}`,
    `https://hooks.zapier.com%2eevil.example${HOOK}`,
    `https://hooks.zapier.com%00.evil.example${HOOK}`,
    `https://hooks.zapier.com:8443${HOOK}`,
    `https://hooks.zapier.com:443${HOOK}`,
    `http://hooks.zapier.com${HOOK}`,
    `ftp://hooks.zapier.com${HOOK}`,
    `https://HOOKS.zapier.com${HOOK}`,
    `https://hooks.zapier.com.${HOOK}`,
    `https://hooks\u3002zapier\u3002com${HOOK}`,
    `https://hooks.z\u0430pier.com${HOOK}`,
    `https://xn--hooks-x4e.zapier.com${HOOK}`,
    `https://hooks.zapier.com#@evil.example${HOOK}`,
    `https://hooks.zapier.com?@evil.example${HOOK}`,
    `https:/hooks.zapier.com${HOOK}`,
    `//hooks.zapier.com${HOOK}`,
    `https://hooks.zapier.com/hooks/catch/../../x`,
    `https://hooks.zapier.com/%2e%2e${HOOK}`,
    `https://hooks.zapier.com${HOOK}?next=https://evil.example`,
    `https://hooks.zapier.com${HOOK}#x`,
    `https://hooks.zapier.com${HOOK}\n`,
    `javascript:fetch("https://hooks.zapier.com${HOOK}")`,
    'not a url',
  ];
  /** Every way to write an address that is not public; none is the one host. */
  const ADDRESSES = [
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '0x7f.1',
    '0x7f000001',
    '0177.0.0.1',
    '2130706433',
    '\u2460\u2461\u2466.0.0.\u2460',
    '\uff11\uff12\uff17.0.0.1',
    '0',
    '0.0.0.0',
    'localhost',
    'localhost.',
    'metadata.google.internal',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[::7f00:1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[fe80::1%25eth0]',
    '[fec0::1]',
    '[3fff::1]',
    '[5f00::1]',
    '[100::1]',
    '10.0.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '172.16.0.1',
    '192.0.0.170',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
  ].map((host) => `https://${host}${HOOK}`);
  const BAD = [...FORMS, ...ADDRESSES];

  it('that is not exactly one of the one host is refused to callers', async () => {
    const caller = hub.as();
    const changed = await stand.changedBy(async () => {
      for (const webhookUrl of BAD) {
        const answer = await caller.begin({ provider: 'zapier', webhookUrl });
        expect([webhookUrl, ...outcome(answer)]).toEqual([webhookUrl, 422, 'webhook_host_not_allowed']);
        expect(answer.text).not.toContain('/1/abc/');
      }
    });
    expect(changed).toEqual([]);
    await trailHas(caller, 'webhook.rejected', BAD.length);
    expect((await caller.read('zapier')).body.status).toBe('not_connected');
  });

  it('that is not exactly one of the one host is refused on the hub’s own page', async () => {
    const caller = hub.as();
    const person = hub.person();
    const page = await person.starts(caller, { provider: 'zapier' });
    const written = BAD.filter((url) => url === url.trim()); // the page takes white space off what is pasted
    const changed = await stand.changedBy(async () => {
      for (const webhookUrl of written) {
        const answer = await person.post(page, [['webhookUrl', webhookUrl]]);
        expect([webhookUrl, answer.status, answer.headers.get('location')]).toEqual([webhookUrl, 422, null]);
        expect(await answer.text()).not.toContain('hooks/catch/1/abc');
      }
    });
    expect(changed).toEqual([]);
    await trailHas(caller, 'webhook.rejected', written.length);
    const good = await person.post(page, [['webhookUrl', ANYONES.zapier().order['webhookUrl'] ?? '']]);
    expect(good.status).toBe(303);
  });
});

describe('a request that would keep the hub busy', () => {
  const deep = (depth: number) => `{"provider":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const BODIES: Record<string, [raw: string, status: number]> = {
    'a megabyte of JSON': [JSON.stringify({ provider: 'x'.repeat(1024 * 1024) }), 413],
    'a megabyte of brackets': ['['.repeat(1024 * 1024), 413],
    'thirty thousand brackets': [deep(30_000), 422],
    'thirty thousand open brackets': ['['.repeat(30_000), 400],
    'five thousand keys': [`{${Array.from({ length: 5_000 }, (_, place) => `"k${place}":1`).join(',')}}`, 422],
    'a prototype': ['{"provider":"notion","__proto__":{"admin":true}}', 400],
    'an escaped prototype': ['{"provider":"notion","\\u005f\\u005fproto\\u005f\\u005f":{"admin":true}}', 400],
    'a prototype of the constructor': ['{"provider":"notion","constructor":{"prototype":{"admin":true}}}', 400],
    'a number without end': [`{"provider":1e${'9'.repeat(1_000)}}`, 422],
    'digits without end': [`{"provider":${'9'.repeat(50_000)}}`, 422],
  };

  it.each(Object.keys(BODIES))('by %s is refused', async (what) => {
    const [raw, status] = BODIES[what]!;
    const caller = hub.as();
    let answer: Answer | undefined;
    const changed = await stand.changedBy(async () => (answer = await caller.request('POST', connect, { raw })));
    expect([answer?.status, changed]).toEqual([status, []]);
    await hub.event(caller, 'request.invalid');
  });

  it('by another type of body is refused', async () => {
    const caller = hub.as();
    const headers = { 'content-type': 'application/xml' };
    const answer = await caller.request('POST', connect, { raw: '<provider>notion</provider>', headers });
    expect(outcome(answer)).toEqual([415, 'invalid_request']);
    await hub.event(caller, 'request.invalid');
  });

  /** Long texts for every place that a pattern is held against; a pattern that goes back and forth would not end. */
  const LONG: Record<string, (caller: Caller) => Promise<Answer>> = {
    'a shop of hyphens': (caller) => caller.begin({ provider: 'shopify', shop: `a${'-'.repeat(254)}` }),
    'a shop of slashes': (caller) => caller.begin({ provider: 'shopify', shop: `https://${'/'.repeat(240)}` }),
    'a hook of letters': (caller) =>
      caller.begin({
        provider: 'zapier',
        webhookUrl: `https://hooks.zapier.com/hooks/catch/1/${'a'.repeat(1_900)}!`,
      }),
    'a hook of slashes': (caller) =>
      caller.begin({ provider: 'zapier', webhookUrl: `https://hooks.zapier.com/hooks/catch/1/a${'/'.repeat(1_900)}` }),
    'a cursor': (caller) => caller.audit(`?cursor=${'A'.repeat(8_000)}`),
    'a minTtl': (caller) => caller.token('notion', `?minTtl=${'1'.repeat(8_000)}x`),
    'a return URL': (caller) =>
      caller.begin({ provider: 'notion', redirectUri: `https://app.example/${'%2e/'.repeat(500)}` }),
    'a dead letter': (caller) => caller.replay(`refresh-${'-'.repeat(110)}`),
    'a bearer': (caller) =>
      caller.request('GET', '/functions/v1/integrations', {
        headers: { authorization: `Bearer ${'.'.repeat(8_000)}` },
      }),
    'a bearer of spaces': (caller) =>
      caller.request('GET', '/functions/v1/integrations', {
        headers: { authorization: `Bearer ${' '.repeat(8_000)}x` },
      }),
  };

  it('by a long text in any place is refused', async () => {
    for (const [what, send] of Object.entries(LONG)) {
      const { status } = await send(hub.as());
      expect([what, status >= 400 && status < 500]).toEqual([what, true]);
    }
    expect((await fetch(`${hub.base}/health/ready`)).status).toBe(200);
  });
});

interface Connected {
  readonly caller: Caller;
  readonly account: Account;
}

async function connected(provider: (typeof ALL)[number]): Promise<Connected> {
  const caller = hub.as();
  const account = ANYONES[provider]();
  await hub.connect(caller, account.order, account.choices);
  return { caller, account };
}

describe('what another org has', () => {
  const withoutInstance = ({ status, body }: Answer) => [status, { ...(body as object), instance: '' }];

  it.each(ALL)('at %s is to a stranger as if it were not there', async (provider) => {
    const { caller: owner } = await connected(provider);
    const before = (await owner.read(provider)).body;
    const somebody = hub.as(); // of an org that nobody has connected anything for, before or after
    const alone = [await somebody.read(provider), await somebody.token(provider), await somebody.sync(provider)];
    const stranger = hub.as();
    const told: Answer[] = [];
    const changed = await stand.changedBy(async () => {
      told.push(await stranger.read(provider), await stranger.token(provider), await stranger.sync(provider));
      told.push(await stranger.refresh(provider), await stranger.disconnect(provider));
    });
    expect(changed).toEqual([]);
    expect(told.slice(0, 3).map(withoutInstance)).toEqual(alone.map(withoutInstance));
    expect(told.slice(1, 4).map(outcome)).toEqual([
      provider === 'zapier' ? outcome(alone[1]!) : [404, 'not_connected'],
      [404, 'not_connected'],
      [404, 'not_connected'],
    ]);
    expect(told[4]?.status).toBe(204);
    expect((await stranger.audit()).body.events.filter(({ name }) => name !== 'key.created')).toEqual([]);
    expect((await owner.read(provider)).body).toEqual(before);
  });

  it('among the dead letters is to a stranger as one that never was', async () => {
    const { caller: owner } = await connected('google_drive');
    await hub.database.rows(
      `update public.integrations set status = 'refresh_failing', failed_refreshes = 9, refresh_failure_code = 'provider_unavailable',
          refresh_failure_at = now(), refresh_first_failed_at = now(), next_refresh_at = now() + interval '1 day' where org_id = $1`,
      [owner.claims.org],
    );
    const [letter] = (await owner.deadLetters()).body.deadLetters;
    const stranger = hub.as();
    const told: Answer[] = [];
    const changed = await stand.changedBy(async () => {
      for (const id of [letter?.id ?? '', `refresh-${randomUUID()}`, 'nothing-of-the-kind'])
        told.push(await stranger.replay(id));
      expect((await stranger.replayAll()).body).toEqual({ replayed: 0 });
      expect((await stranger.deadLetters()).body.deadLetters).toEqual([]);
    });
    expect(changed).toEqual([]);
    for (const answer of told) {
      expect(outcome(answer)).toEqual([404, 'not_found']);
      expect(withoutInstance(answer)).toEqual(withoutInstance(told[0]!));
    }
    expect((await owner.deadLetters()).body.deadLetters).toEqual([letter]);
    const events = await trailHas(stranger, 'auth.foreign_org', 3);
    for (const event of events) expect(event).toMatchObject({ provider: null, integrationId: null });
  });
});

describe('a thousand callers at the same moment', () => {
  const CROWD = 1_000;

  it.each(['shopify', 'google_drive'] as const)(
    'cost %s one refresh, however long a life they ask for',
    async (provider) => {
      const { caller, account } = await connected(provider);
      await hub.database.rows(
        `update public.integrations set issued_at = now() - interval '1800 seconds', expires_at = now() + interval '1800 seconds'
        where org_id = $1`,
        [caller.claims.org],
      );
      const answers = await Promise.all(Array.from({ length: CROWD }, () => caller.token(provider, '?minTtl=86400')));
      const { lines } = hub.process('gateway');
      expect(lines.filter((line) => line.includes('hub.request.failed'))).toEqual([]);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ body }) => body.accessToken)).size).toBe(1);
      expect(await hub.sandbox.log({ provider, account: account.name, kind: 'refresh' })).toHaveLength(1);
    },
  );
});
