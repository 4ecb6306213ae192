import { ANYONES, type Account } from '../support/accounts';
import type { Answer, Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import type { SandboxEntry } from '../support/sandbox-admin';
import { Stack } from '../support/stack';

/** What becomes of credentials and metadata when providers are slow, sick, strict or gone. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

type OAuthName = 'notion' | 'google_drive' | 'shopify';

/** Tokens of so short a life have a short ladder: the next try comes after five seconds. */
const SHORT_LIFE_SECONDS = 90;

interface Connected {
  readonly caller: Caller;
  readonly account: Account;
}

async function connected(provider: OAuthName, knobs?: Readonly<Record<string, unknown>>): Promise<Connected> {
  const caller = hub.as();
  const account = ANYONES[provider]();
  if (knobs) await hub.sandbox.set(provider, knobs, account.name);
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  return { caller, account };
}

function refreshesOf({ provider, name }: Account): Promise<SandboxEntry[]> {
  return hub.sandbox.log({ provider, account: name, kind: 'refresh' });
}

async function callsOf({ provider, name }: Account): Promise<(number | null | undefined)[]> {
  const entries = await hub.sandbox.log({ provider, account: name, kind: 'call', calls: true });
  return entries.map(({ status }) => status);
}

async function whoFails(those: readonly Connected[]): Promise<Connected[]> {
  const bodies = await Promise.all(those.map(({ caller, account }) => caller.read(account.provider)));
  return those.filter((_, index) => bodies[index]?.body.status === 'refresh_failing');
}

function said(answer: Answer): [number, unknown] {
  return [answer.status, codeOf(answer)];
}

describe('a forced sync', () => {
  it('brings what has changed at the provider, and moves lastSyncAt', async () => {
    const { caller, account } = await connected('shopify');
    const before = (await caller.read('shopify')).body;
    await hub.sandbox.set('shopify', { plan: 'Plus', accountName: 'Renamed Store' }, account.name);
    const answer = await caller.sync('shopify');
    expect(answer.status).toBe(200);
    expect(answer.body.metadata).toMatchObject({ plan: 'Plus', shopName: 'Renamed Store' });
    expect(Date.parse(answer.body.lastSyncAt ?? '')).toBeGreaterThan(Date.parse(before.lastSyncAt ?? ''));
    expect(await refreshesOf(account)).toEqual([]);
  });

  it.each(['shopify', 'google_drive', 'notion'] as const)(
    'of %s that meets a 401 refreshes once and reads again',
    async (provider) => {
      const { caller, account } = await connected(provider);
      await hub.sandbox.expire(provider, account.name);
      const before = (await callsOf(account)).length;
      expect((await caller.sync(provider)).status).toBe(200);
      const refreshes = await refreshesOf(account);
      expect(refreshes).toMatchObject([{ accepted: true, generation: 0 }]);
      const calls = (await callsOf(account)).slice(before);
      expect(calls.filter((status) => status === 401)).toHaveLength(provider === 'notion' ? calls.indexOf(200) : 1);
      expect(calls.at(-1)).toBe(200);
    },
  );

  it('that fails says why, leaves the status alone, and is well again at the next try', async () => {
    const { caller, account } = await connected('google_drive');
    const heal = await hub.sandbox.fault('google_drive', {
      on: 'api',
      kind: 'status',
      status: 500,
      account: account.name,
    });
    const answer = await caller.sync('google_drive');
    expect(said(answer)).toEqual([503, 'provider_unavailable']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await caller.read('google_drive')).body).toMatchObject({
      status: 'connected',
      failure: { code: 'provider_unavailable', attempts: 1 },
    });
    expect((await caller.token('google_drive')).status).toBe(200);
    await heal();
    expect((await caller.sync('google_drive')).body).toMatchObject({ status: 'connected', failure: null });
  });

  it('that is throttled is 429 with the time of the next try', async () => {
    const { caller, account } = await connected('shopify');
    await hub.sandbox.fault('shopify', { on: 'api', kind: 'rate_limit', retryAfter: 5, account: account.name });
    const answer = await caller.sync('shopify');
    expect(said(answer)).toEqual([429, 'rate_limited']);
    const seconds = Number(answer.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(5);
    expect(seconds).toBeLessThanOrEqual(60);
  });
});

describe('work that takes longer than a caller waits', () => {
  it('is answered by 202 with the integration as it stands, and goes on', async () => {
    const [refreshing, syncing] = await Promise.all([connected('shopify'), connected('google_drive')]);
    const slow = { kind: 'latency', ms: 12_000, times: 1 };
    await hub.sandbox.fault('shopify', { ...slow, on: 'refresh', account: refreshing.account.name });
    await hub.sandbox.fault('google_drive', { ...slow, on: 'api', account: syncing.account.name });
    const [before, marks] = await Promise.all([
      Promise.all([refreshing.caller.read('shopify'), syncing.caller.read('google_drive')]),
      Promise.all([hub.lastSeq(refreshing.caller), hub.lastSeq(syncing.caller)]),
    ]);
    const startedMs = performance.now();
    const answers = await Promise.all([refreshing.caller.refresh('shopify'), syncing.caller.sync('google_drive')]);
    const waitedMs = performance.now() - startedMs;
    expect(waitedMs).toBeGreaterThan(9_500);
    expect(waitedMs).toBeLessThan(12_000);
    for (const [place, answer] of answers.entries()) {
      expect(answer.status).toBe(202);
      expect(answer.headers.get('retry-after')).toBe('2');
      expect(answer.body.lastSyncAt).toBe(before[place]?.body.lastSyncAt);
    }
    await hub.event(refreshing.caller, 'refresh.succeeded', { after: marks[0] });
    await hub.event(syncing.caller, 'sync.completed', { after: marks[1] });
    expect(await refreshesOf(refreshing.account)).toHaveLength(1);
  });
});

describe('a forced refresh', () => {
  it('of many callers at the same moment is one call', async () => {
    const { caller, account } = await connected('shopify');
    const answers = await Promise.all(Array.from({ length: 40 }, () => caller.refresh('shopify')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await refreshesOf(account)).toHaveLength(1);
  });

  it.each(['shopify', 'google_drive'] as const)(
    'that meets an outage of %s says so, goes on serving, and recovers by itself',
    async (provider) => {
      const { caller, account } = await connected(provider, { accessTokenSeconds: SHORT_LIFE_SECONDS });
      const heal = await hub.sandbox.fault(provider, {
        on: 'refresh',
        kind: 'status',
        status: 503,
        account: account.name,
      });
      const answer = await caller.refresh(provider);
      expect(said(answer)).toEqual([503, 'provider_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answer.body).toMatchObject({ provider, failure: { code: 'provider_unavailable', attempts: 1 } });
      const { body } = await caller.read(provider);
      expect(body).toMatchObject({ status: 'refresh_failing', failure: { code: 'provider_unavailable' } });
      expect(Date.parse(body.nextRefreshAt ?? '')).toBeGreaterThan(Date.now());
      const { accessToken } = (await caller.token(provider, '?minTtl=0')).body;
      expect(await hub.sandbox.inspect(provider, accessToken)).toMatchObject({ works: true });
      await heal();
      const recovered = await hub.event(caller, 'integration.recovered');
      expect(recovered.actor.type).toBe('worker');
      expect((await caller.read(provider)).body).toMatchObject({ status: 'connected', failure: null });
    },
  );

  it.each(['shopify', 'google_drive', 'notion'] as const)(
    'that %s refuses for good is 409 reauth_required, and the provider is left in peace',
    async (provider) => {
      const { caller, account } = await connected(provider);
      await hub.sandbox.revoke(provider, account.name);
      const answer = await caller.refresh(provider);
      expect(said(answer)).toEqual([409, 'reauth_required']);
      expect(answer.body).toMatchObject({
        title: 'Token refresh failed',
        fix: expect.any(String),
        failure: { code: 'invalid_grant' },
      });
      expect((await caller.read(provider)).body).toMatchObject({
        status: 'reauth_required',
        nextRefreshAt: null,
        failure: { code: 'invalid_grant' },
      });
      await hub.event(caller, 'integration.reauth_required');

      const [refreshes, calls] = [(await refreshesOf(account)).length, (await callsOf(account)).length];
      for (const act of [caller.refresh(provider), caller.sync(provider), caller.token(provider)])
        expect(said(await act)).toEqual([409, 'reauth_required']);
      expect(await refreshesOf(account)).toHaveLength(refreshes);
      expect(await callsOf(account)).toHaveLength(calls);

      await hub.connect(caller, account.order, account.choices);
      expect((await caller.refresh(provider)).body).toMatchObject({ status: 'connected', failure: null });
    },
  );

  it.each(['shopify', 'google_drive'] as const)(
    'by a hub whose secret %s refuses never costs the connection',
    async (provider) => {
      const { caller, account } = await connected(provider, { accessTokenSeconds: SHORT_LIFE_SECONDS });
      await hub.sandbox.set(provider, { clientSecrets: ['another-secret'] });
      try {
        expect(said(await caller.refresh(provider))).toEqual([502, 'provider_misconfigured']);
        expect((await caller.read(provider)).body).toMatchObject({
          status: 'refresh_failing',
          failure: { code: 'provider_misconfigured' },
        });
        expect((await caller.token(provider, '?minTtl=0')).status).toBe(200);
      } finally {
        await hub.sandbox.call('DELETE', `/settings/${provider}`);
      }
      await hub.event(caller, 'integration.recovered');
      expect((await caller.read(provider)).body.status).toBe('connected');
      expect((await refreshesOf(account)).filter(({ reason }) => reason === 'invalid_client').length).toBeGreaterThan(
        0,
      );
    },
  );

  it('whose answer is lost twice is named so, and is made good by itself', async () => {
    const { caller, account } = await connected('shopify', { accessTokenSeconds: SHORT_LIFE_SECONDS });
    await hub.sandbox.fault('shopify', { on: 'refresh', kind: 'lost_response', times: 2, account: account.name });
    const answer = await caller.refresh('shopify');
    expect(said(answer)).toEqual([502, 'token_refresh_failed']);
    expect((await caller.read('shopify')).body).toMatchObject({
      status: 'refresh_failing',
      failure: { code: 'token_refresh_failed' },
    });
    await hub.event(caller, 'integration.recovered');
    expect((await refreshesOf(account)).map(({ accepted, answer: fate }) => [accepted, fate])).toEqual([
      [true, 'lost'],
      [true, 'lost'],
      [true, 'sent'],
    ]);
    const { accessToken } = (await caller.token('shopify')).body;
    expect(await hub.sandbox.inspect('shopify', accessToken)).toMatchObject({ works: true });
  });

  it('renews the token of Notion where the API does not take it any more', async () => {
    const { caller, account } = await connected('notion');
    const before = (await caller.token('notion')).body.accessToken;
    await hub.sandbox.expire('notion', account.name);
    expect((await caller.refresh('notion')).body).toMatchObject({ status: 'connected' });
    expect(await refreshesOf(account)).toMatchObject([{ accepted: true, generation: 0 }]);
    const after = (await caller.token('notion')).body.accessToken;
    expect(after).not.toBe(before);
    expect(await hub.sandbox.inspect('notion', after)).toMatchObject({ works: true });
  });
});

describe('the schedule of syncs', () => {
  it('brings changes without anyone asking', async () => {
    const often = await Stack.start({ env: { SYNC_EVERY: '3s' } });
    try {
      const caller = often.as();
      const account = ANYONES.shopify();
      await often.connect(caller, account.order, account.choices);
      await often.event(caller, 'sync.completed');
      await often.sandbox.set('shopify', { plan: 'Advanced' }, account.name);
      const metadata = await eventually('the new plan', async () => {
        const { body } = await caller.read('shopify');
        return body.metadata['plan'] === 'Advanced' ? body.metadata : undefined;
      });
      expect(metadata).toMatchObject({ plan: 'Advanced' });
    } finally {
      await often.stop();
    }
  });
});

describe('while a provider refuses the hub for all orgs', () => {
  it('forced refreshes are put off without a call, tokens are served, and all is well again by itself', async () => {
    const short = { accessTokenSeconds: SHORT_LIFE_SECONDS };
    const all = await Promise.all(Array.from({ length: 7 }, () => connected('google_drive', short)));
    const refused = await connected('google_drive');
    await hub.sandbox.revoke('google_drive', refused.account.name);
    await refused.caller.refresh('google_drive');
    await hub.sandbox.set('google_drive', { clientSecrets: ['another-secret'] });
    let failing: Connected[];
    try {
      for (const { caller } of all.slice(0, 6)) await caller.refresh('google_drive');
      // those before the breaker opened: a retry of the first may have come before the first try of the fifth
      failing = await whoFails(all);
      expect(failing.length).toBeGreaterThanOrEqual(3);
      const last = all[6]!;
      const answer = await last.caller.refresh('google_drive');
      expect(said(answer)).toEqual([503, 'provider_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refreshesOf(last.account)).toEqual([]);
      expect((await last.caller.read('google_drive')).body.status).toBe('connected');
      expect((await last.caller.token('google_drive')).status).toBe(200);
      expect(said(await refused.caller.refresh('google_drive'))).toEqual([409, 'reauth_required']);
      expect(said(await hub.as().refresh('google_drive'))).toEqual([404, 'not_connected']);
    } finally {
      await hub.sandbox.call('DELETE', '/settings/google_drive');
    }
    await Promise.all(failing.map(({ caller }) => hub.event(caller, 'integration.recovered')));
    for (const { caller } of all) expect((await caller.read('google_drive')).body.status).toBe('connected');
  });
});

describe('without Redis', () => {
  it('a forced refresh and a forced sync are done at once all the same', async () => {
    const bare = await Stack.start({ env: { REDIS_URL: 'redis://127.0.0.1:1' } });
    try {
      const caller = bare.as();
      const account = ANYONES.google_drive();
      await bare.connect(caller, account.order, account.choices);
      for (const [what, ask] of [
        ['a refresh', () => caller.refresh('google_drive')],
        ['a sync', () => caller.sync('google_drive')],
      ] as const) {
        const before = performance.now();
        expect([what, (await ask()).status]).toEqual([what, 200]);
        expect(performance.now() - before).toBeLessThan(5_000);
      }
    } finally {
      await bare.stop();
    }
  });
});
