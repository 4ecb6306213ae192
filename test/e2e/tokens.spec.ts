import { ANYONES, type Account } from '../support/accounts';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

/** What product services get when they ask for a token. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

type OAuthName = 'notion' | 'google_drive' | 'shopify';

async function connected(provider: OAuthName): Promise<{ caller: Caller; account: Account; token: string }> {
  const caller = hub.as();
  const account = ANYONES[provider]();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  return { caller, account, token: (await caller.token(provider, '?minTtl=0')).body.accessToken };
}

/** Moves the token in hand to another place in its life, as if that time had gone by. */
async function setLife(caller: Caller, life: { ageSeconds: number; leftSeconds: number }): Promise<void> {
  await hub.database.rows(
    `update public.integrations set issued_at = now() - make_interval(secs => $2), expires_at = now() + make_interval(secs => $3)
     where org_id = $1`,
    [caller.claims.org, life.ageSeconds, life.leftSeconds],
  );
}

async function refreshesOf({ provider, name }: Account): Promise<number> {
  return (await hub.sandbox.log({ provider, account: name, kind: 'refresh' })).length;
}

const HALF_LIFE = { ageSeconds: 1_800, leftSeconds: 1_800 };
const NEAR_END = { ageSeconds: 3_570, leftSeconds: 30 };
const OVER = { ageSeconds: 3_700, leftSeconds: -100 };

describe('a token read', () => {
  it.each([
    ['shopify', 'read_products write_products read_orders', expect.any(String)],
    ['google_drive', 'https://www.googleapis.com/auth/drive.file', expect.any(String)],
    ['notion', null, null],
  ] as const)(
    'of %s gives the access token and what is known of it, and nothing more',
    async (provider, scope, end) => {
      const { caller, account } = await connected(provider);
      const answer = await caller.token(provider);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.body).toEqual({
        accessToken: expect.any(String),
        tokenType: 'Bearer',
        expiresAt: end,
        scope,
        provider,
        account: { id: expect.any(String), label: account.name },
      });
      expect(await hub.sandbox.inspect(provider, answer.body.accessToken)).toMatchObject({
        kind: 'access',
        works: true,
      });
    },
  );

  it('needs only the right to read tokens', async () => {
    const { caller } = await connected('notion');
    expect((await caller.with({ scopes: ['tokens:read'] }).token('notion')).status).toBe(200);
  });

  it('is 404 where nothing is connected, and 422 where there is no token', async () => {
    const caller = hub.as();
    expect([(await caller.token('notion')).status, codeOf(await caller.token('notion'))]).toEqual([
      404,
      'not_connected',
    ]);
    const zapier = ANYONES.zapier();
    await hub.connect(caller, zapier.order);
    const answer = await caller.token('zapier');
    expect([answer.status, codeOf(answer)]).toEqual([422, 'invalid_request']);
  });

  it('gives what is there while enough of it is left', async () => {
    const { caller, account, token } = await connected('shopify');
    await setLife(caller, HALF_LIFE);
    for (const query of ['', '?minTtl=0', '?minTtl=1700'])
      expect((await caller.token('shopify', query)).body.accessToken).toBe(token);
    expect(await refreshesOf(account)).toBe(0);
  });

  it('refreshes first where less is left than is asked for', async () => {
    const { caller, account, token } = await connected('shopify');
    await setLife(caller, HALF_LIFE);
    const answer = await caller.token('shopify', '?minTtl=1900');
    expect(answer.body.accessToken).not.toBe(token);
    expect(Date.parse(answer.body.expiresAt ?? '') - Date.now()).toBeGreaterThan(3_500_000);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('asks for a minute unless it says otherwise', async () => {
    const { caller, account, token } = await connected('google_drive');
    await setLife(caller, NEAR_END);
    expect((await caller.token('google_drive', '?minTtl=0')).body.accessToken).toBe(token);
    expect(await refreshesOf(account)).toBe(0);
    expect((await caller.token('google_drive')).body.accessToken).not.toBe(token);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('spends no refresh on a token in the first third of its life: a new one would hardly live longer', async () => {
    const { caller, account, token } = await connected('shopify');
    expect((await caller.token('shopify', '?minTtl=86400')).body.accessToken).toBe(token);
    await setLife(caller, { ageSeconds: 1_100, leftSeconds: 2_500 });
    expect((await caller.token('shopify', '?minTtl=86400')).body.accessToken).toBe(token);
    expect(await refreshesOf(account)).toBe(0);
    await setLife(caller, { ageSeconds: 1_300, leftSeconds: 2_300 });
    expect((await caller.token('shopify', '?minTtl=86400')).body.accessToken).not.toBe(token);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('finds any minTtl met by a token without an end', async () => {
    const { caller, account, token } = await connected('notion');
    expect((await caller.token('notion', '?minTtl=86400')).body).toMatchObject({ accessToken: token, expiresAt: null });
    expect(await refreshesOf(account)).toBe(0);
  });

  it('of many callers at the same moment costs one refresh', async () => {
    const { caller, account } = await connected('shopify');
    await setLife(caller, HALF_LIFE);
    const answers = await Promise.all(Array.from({ length: 60 }, () => caller.token('shopify', '?minTtl=3000')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.accessToken)).size).toBe(1);
    expect(await refreshesOf(account)).toBe(1);
  });
});

describe('while the provider is down', () => {
  it('a token that still lives is served, whatever minTtl asks for', async () => {
    const { caller, account, token } = await connected('google_drive');
    await hub.sandbox.fault('google_drive', { on: 'token', kind: 'status', status: 503, account: account.name });
    await setLife(caller, NEAR_END);
    const answer = await caller.token('google_drive', '?minTtl=600');
    expect([answer.status, answer.body.accessToken]).toEqual([200, token]);
    expect(await refreshesOf(account)).toBe(0);
    expect((await caller.read('google_drive')).body).toMatchObject({
      status: 'refresh_failing',
      failure: { code: 'provider_unavailable', attempts: 1 },
    });
  });

  it('a dead token is 503 with the time to ask again, and is there again after the outage', async () => {
    const { caller, account } = await connected('google_drive');
    const heal = await hub.sandbox.fault('google_drive', {
      on: 'token',
      kind: 'status',
      status: 503,
      account: account.name,
    });
    await setLife(caller, OVER);
    const answer = await caller.token('google_drive');
    expect([answer.status, codeOf(answer)]).toEqual([503, 'provider_unavailable']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.text).not.toContain('accessToken');
    await heal();
    const again = await eventually('a token after the outage', async () => {
      const { status, body } = await caller.token('google_drive');
      return status === 200 ? body : undefined;
    });
    expect(await hub.sandbox.inspect('google_drive', again.accessToken)).toMatchObject({ works: true });
  });
});

describe('after the provider has refused the grant', () => {
  it('nothing is served, whatever is left of the token, until somebody connects again', async () => {
    const { caller, account } = await connected('google_drive');
    await hub.sandbox.revoke('google_drive', account.name);
    await caller.refresh('google_drive');
    const asked = await refreshesOf(account);
    for (const query of ['', '?minTtl=0', '?minTtl=3000']) {
      const answer = await caller.token('google_drive', query);
      expect([answer.status, codeOf(answer)]).toEqual([409, 'reauth_required']);
      expect(answer.body).toMatchObject({ failure: { code: 'invalid_grant' } });
    }
    expect(await refreshesOf(account)).toBe(asked);
    await hub.connect(caller, account.order, account.choices);
    expect((await caller.token('google_drive')).status).toBe(200);
  });
});

describe('the trail of token reads', () => {
  it('tells who has read how often, gathered within a second', async () => {
    const { caller } = await connected('notion');
    const after = await hub.lastSeq(caller);
    const billing = caller.with({ sub: 'billing', scopes: ['tokens:read'] });
    const search = caller.with({ sub: 'search', scopes: ['tokens:read'] });
    await Promise.all([
      ...Array.from({ length: 40 }, () => billing.token('notion')),
      ...Array.from({ length: 3 }, () => search.token('notion')),
    ]);
    const readAt = Date.now();
    const reads = await eventually('all reads in the trail', async () => {
      const events = (await hub.trail(caller)).filter(({ name, seq }) => name === 'token.read' && seq > after);
      // this test's own look at the token, when it connected, may come in late
      const told = events.filter(({ actor }) => actor.id !== 'ada');
      return told.reduce((sum, { detail }) => sum + Number(detail['count']), 0) === 43 ? told : undefined;
    });
    expect(Math.max(...reads.map(({ at }) => Date.parse(at))) - readAt).toBeLessThan(1_000);
    expect(reads.length).toBeLessThan(10);
    expect(countOf('billing')).toBe(40);
    expect(countOf('search')).toBe(3);

    function countOf(sub: string): number {
      const own = reads.filter(({ actor }) => actor.type === 'user' && actor.id === sub);
      return own.reduce((sum, { detail }) => sum + Number(detail['count']), 0);
    }
  });

  it('has also those that a stop of the gateway overtakes, one still under way among them', async () => {
    const { caller, account } = await connected('google_drive');
    const billing = caller.with({ sub: 'billing', scopes: ['tokens:read'] });
    await setLife(caller, NEAR_END);
    await hub.sandbox.fault('google_drive', {
      on: 'refresh',
      kind: 'latency',
      ms: 2_000,
      account: account.name,
      times: 1,
    });
    const slow = billing.token('google_drive');
    await eventually('the refresh', async () => (await refreshesOf(account)) > 0);
    const quick = Array.from({ length: 4 }, () => billing.token('google_drive', '?minTtl=0'));
    expect((await Promise.all(quick)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const gateway = hub.process('gateway');
    await Promise.all([gateway.stop(), slow.then(({ status }) => expect(status).toBe(200))]);
    const [told] = await hub.database.rows<{ reads: number }>(
      `select coalesce(sum((detail->>'count')::int), 0)::int as reads from public.audit_events
       where org_id = $1 and name = 'token.read' and actor_id = 'billing'`,
      [caller.claims.org],
    );
    expect(told?.reads).toBe(5);
    await gateway.start();
  });
});
