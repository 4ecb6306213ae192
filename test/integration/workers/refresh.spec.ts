import { DeadLetterRepository } from '@hub/database';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import type { Row } from '../../support/stored-integration';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let worker: RefreshWorkerInTest;
let letters: DeadLetterRepository;

beforeAll(async () => {
  stand = await WorkerStand.set();
  letters = new DeadLetterRepository(await stand.database.as('gateway'));
});
afterAll(() => stand.clear());
// a worker of its own for each test: one that saw the failures of the test before would open a breaker
beforeEach(async () => {
  await stand.closeBreakers();
  worker = await refreshWorker(stand.settings.workerConfig());
});
afterEach(() => worker.stop());

const refresh = async ({ stored }: Connected) => worker.refreshes.refresh(await stored.work());

const DRIVE_FILE = 'https://www.googleapis.com/auth/drive.file';
const DRIVE_READONLY = 'https://www.googleapis.com/auth/drive.readonly';

/** Seconds from now until a refresh is due. */
const dueIn = ({ next_refresh_at: next }: Row) => (next!.getTime() - Date.now()) / 1000;

describe('a refresh', () => {
  it('stores what the provider granted and plans the next one at two thirds of its life', async () => {
    const due = await stand.due('shopify');
    const before = await due.stored.tokens();
    expect(await refresh(due)).toMatchObject({ kind: 'saved' });
    const row = await due.stored.row();
    const after = await due.stored.tokens();
    expect(after.accessToken).not.toBe(before.accessToken);
    expect(after.refreshToken).not.toBe(before.refreshToken);
    expect(row).toMatchObject({ status: 'connected', phase: 'idle', failed_refreshes: 0, epoch: 1, settled_epoch: 1 });
    const lifeMs = row.expires_at!.getTime() - row.issued_at.getTime();
    expect(lifeMs).toBe(3600_000);
    const dueAfterMs = row.next_refresh_at!.getTime() - row.issued_at.getTime();
    expect(dueAfterMs).toBeGreaterThan(lifeMs * 0.55);
    expect(dueAfterMs).toBeLessThanOrEqual(lifeMs * (2 / 3));
    expect(row.last_sync_at).not.toBeNull();
    expect(await due.stored.events()).toEqual(['refresh.succeeded']);
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });

  it('that comes to a worker which ends is left as it is, and its job to another', async () => {
    const due = await stand.due('shopify');
    const before = await due.stored.row();
    await worker.refreshes.drain();
    expect(await worker.run(await due.stored.work())).toEqual({ againInMs: 0 });
    expect(await due.stored.row()).toEqual(before);
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
  });

  it('keeps the old refresh token when the provider does not rotate it', async () => {
    const due = await stand.due('google_drive');
    const before = await due.stored.tokens();
    await refresh(due);
    const after = await due.stored.tokens();
    expect(after.accessToken).not.toBe(before.accessToken);
    expect(after.refreshToken).toBe(before.refreshToken);
  });

  it.each([
    ['no life', {}],
    ['a life that cannot be', { expires_in: 0, scope: ['a'] }],
  ])(
    'keeps the life of the token before where its answer tells %s, so that it is refreshed ahead again',
    async (_what, odd) => {
      const due = await stand.due('google_drive', { lifeSeconds: 1800, endsInSeconds: 600 });
      const body = { access_token: 'fresh', token_type: 'Bearer', ...odd };
      await stand.sandbox.admin.fault('google_drive', {
        on: 'refresh',
        kind: 'error',
        status: 200,
        body,
        account: due.account,
        times: 1,
      });
      await refresh(due);
      const row = await due.stored.row();
      expect((await due.stored.tokens()).accessToken).toBe('fresh');
      expect((row.expires_at!.getTime() - row.issued_at.getTime()) / 1000).toBeCloseTo(1800, 1);
      expect(dueIn(row)).toBeGreaterThan(900);
    },
  );

  it.each([
    ['are others', DRIVE_READONLY, [{ added: DRIVE_READONLY, missing: DRIVE_FILE }]],
    ['are the same', DRIVE_FILE, []],
  ])('tells the trail where its rights %s, and keeps the connection', async (_what, scope, told) => {
    const due = await stand.due('google_drive', { lifeSeconds: 1800, endsInSeconds: 600 });
    await stand.database.sql('update public.integrations set scope = $2 where id = $1', [due.stored.id, DRIVE_FILE]);
    const body = { access_token: 'fresh', token_type: 'Bearer', expires_in: 1800, scope };
    const fault = { on: 'refresh', kind: 'error', status: 200, body, account: due.account, times: 1 } as const;
    await stand.sandbox.admin.fault('google_drive', fault);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', scope });
    expect(await due.stored.eventsNamed('grant.scope_changed')).toEqual(told);
  });

  it('plans nothing for a provider without announced ends, whose answer tells none', async () => {
    const due = await stand.due('notion');
    await stand.sandbox.admin.expire('notion', due.account);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', expires_at: null, next_refresh_at: null });
  });

  it('is not done when the row says that none is due', async () => {
    const early = await stand.connected('shopify', { dueInSeconds: 60 });
    expect(await refresh(early)).toMatchObject({ kind: 'not_due' });
    expect(await stand.sandbox.refreshes(early.account)).toEqual([]);
  });

  it('is not done in reauth_required', async () => {
    const judged = await stand.connected('shopify', { status: 'reauth_required' });
    await stand.makeDue(judged);
    expect(await refresh(judged)).toEqual({ kind: 'not_due', dueInMs: null });
    expect(await stand.sandbox.refreshes(judged.account)).toEqual([]);
  });

  it('is one provider call for any number of wishes', async () => {
    const due = await stand.due('shopify');
    const work = await due.stored.work();
    await Promise.all(Array.from({ length: 20 }, () => worker.refreshes.refresh(work)));
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });

  it('is one provider call for two workers at once', async () => {
    const other = await refreshWorker(stand.settings.workerConfig());
    try {
      const due = await stand.due('shopify');
      await stand.sandbox.admin.fault('shopify', { on: 'refresh', kind: 'latency', ms: 300, account: due.account });
      const work = await due.stored.work();
      const outcomes = await Promise.all([worker.refreshes.refresh(work), other.refreshes.refresh(work)]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['busy', 'saved']);
      expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
    } finally {
      await other.stop();
    }
  });
});

describe('a provider that is ill', () => {
  const ILL = [
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503 },
    { kind: 'rate_limit', retryAfter: 1 },
    { kind: 'html', status: 502 },
    { kind: 'html', status: 200 },
    { kind: 'html', status: 403 },
    { kind: 'garbled' },
    { kind: 'drop_before' },
    { kind: 'flood', bytes: 200_000 },
  ];
  const providers = ['shopify', 'google_drive'];
  it.each(providers.flatMap((provider) => ILL.map((fault) => ({ provider, fault }))))(
    'keeps $provider on the ladder, and it recovers: $fault',
    async ({ provider, fault }) => {
      const due = await stand.due(provider);
      const endFault = await stand.sandbox.admin.fault(provider, { on: 'refresh', account: due.account, ...fault });
      await refresh(due);
      const failing = await due.stored.row();
      expect(failing).toMatchObject({ status: 'refresh_failing', failed_refreshes: 1, phase: 'idle' });
      expect(dueIn(failing)).toBeGreaterThan(50);
      expect(dueIn(failing)).toBeLessThanOrEqual(61);
      expect(failing.expires_at!.getTime()).toBeGreaterThan(Date.now());

      await stand.makeDue(due);
      await refresh(due);
      expect(dueIn(await due.stored.row())).toBeGreaterThan(100);

      await endFault();
      await stand.makeDue(due);
      await refresh(due);
      expect(await due.stored.row()).toMatchObject({
        status: 'connected',
        failed_refreshes: 0,
        refresh_failure_code: null,
      });
      const told = (await due.stored.events()).filter((name) => name !== 'refresh.in_doubt');
      expect(told).toEqual(['refresh.failed', 'refresh.failed', 'refresh.succeeded', 'integration.recovered']);
    },
  );

  it('is asked again when it said, within what the token has left', async () => {
    const due = await stand.due('shopify');
    const { account } = due;
    await stand.sandbox.admin.fault('shopify', { on: 'refresh', kind: 'rate_limit', retryAfter: 300, account });
    await refresh(due);
    const row = await due.stored.row();
    expect(row).toMatchObject({ status: 'refresh_failing', refresh_failure_code: 'rate_limited' });
    expect(dueIn(row)).toBeGreaterThan(290);
    expect(dueIn(row)).toBeLessThanOrEqual(301);
  });

  it('is given up on by the call in half a lease, well before others may claim', async () => {
    const due = await stand.due('google_drive', { endsInSeconds: 16, lifeSeconds: 60 });
    const { account } = due;
    await stand.sandbox.admin.fault('google_drive', { on: 'refresh', kind: 'latency', ms: 4500, account, times: 1 });
    const startedMs = performance.now();
    await refresh(due);
    // once more at once, since it may have done the work
    expect(performance.now() - startedMs).toBeLessThan(4000);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
  });

  it('shows as a dead letter after the fourth retry, and is tried all the same', async () => {
    const due = await stand.due('google_drive', { status: 'refresh_failing', failedRefreshes: 4 });
    const { account } = due;
    await stand.sandbox.admin.fault('google_drive', { on: 'refresh', kind: 'status', status: 503, account });
    await refresh(due);
    const row = await due.stored.row();
    expect(row).toMatchObject({ status: 'refresh_failing', failed_refreshes: 5 });
    expect(dueIn(row)).toBeGreaterThan(470);
    expect(await due.stored.eventsNamed('refresh.failed')).toEqual([expect.objectContaining({ deadLetter: true })]);
  });
});

describe('a definite word of the provider', () => {
  it.each(['shopify', 'google_drive'])('ends the grant of %s, and it is asked no more', async (provider) => {
    const due = await stand.due(provider);
    await stand.sandbox.admin.revoke(provider, due.account);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'invalid_grant',
      next_refresh_at: null,
    });
    expect(await due.stored.events()).toEqual(['refresh.failed', 'integration.reauth_required']);
    const calls = (await stand.sandbox.refreshes(due.account)).length;
    await stand.makeDue(due);
    await refresh(due);
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(calls);
  });
});

describe("the hub's own fault", () => {
  /** The first try and all four retries fail: from then on it is a dead letter, and no breaker has opened by it. */
  async function failFiveTimes(due: Connected, by = worker): Promise<void> {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(await lettersOf(due)).toEqual([]);
      await stand.makeDue(due);
      expect(await by.refreshes.refresh(await due.stored.work())).toMatchObject({ kind: 'saved' });
      expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing', failed_refreshes: attempt });
    }
    expect(dueIn(await due.stored.row())).toBeGreaterThan(470);
    const { refresh_failure_code: reason } = await due.stored.row();
    expect(await lettersOf(due)).toMatchObject([{ kind: 'refresh', reason, attempts: 5 }]);
    expect(await stand.database.sql('select provider from public.provider_breakers')).toEqual([]);
  }

  /** The next success clears it. */
  async function mended(due: Connected): Promise<void> {
    await stand.makeDue(due);
    expect(await refresh(due)).toMatchObject({ kind: 'saved' });
    expect(await due.stored.row()).toMatchObject({ status: 'connected', failed_refreshes: 0 });
    expect(await lettersOf(due)).toEqual([]);
  }

  const lettersOf = async ({ stored: { orgId } }: Connected) => (await letters.page(orgId, { limit: 10 })).deadLetters;

  it.each(['shopify', 'google_drive'])('a wrong secret never costs %s its connection', async (provider) => {
    const due = await stand.due(provider);
    await stand.sandbox.admin.set(provider, { clientSecrets: ['another-secret-than-the-hub-has-now'] });
    await failFiveTimes(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'provider_misconfigured',
    });
    await stand.sandbox.admin.call('DELETE', `/settings/${provider}`);
    await mended(due);
  });

  it('a provider without credentials here is not called', async () => {
    const credentials = { SHOPIFY_CLIENT_ID: '', SHOPIFY_CLIENT_SECRET: '' };
    const other = await refreshWorker(stand.settings.workerConfig(credentials));
    const due = await stand.due('shopify');
    try {
      await failFiveTimes(due, other);
      expect(await due.stored.row()).toMatchObject({ refresh_failure_code: 'provider_misconfigured' });
      expect(await due.stored.eventsNamed('refresh.failed')).toContainEqual(
        expect.objectContaining({ reason: 'no_credentials_here' }),
      );
      expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
    } finally {
      await other.stop();
    }
    await mended(due);
  });

  it('a sealed token that does not open is no word of the provider', async () => {
    const due = await stand.due('shopify');
    const foreign = await stand.due('shopify');
    const { refresh_token: own } = await due.stored.row();
    const setToken = (token: string | null) =>
      stand.database.sql('update public.integrations set refresh_token = $2 where id = $1', [due.stored.id, token]);
    await setToken((await foreign.stored.row()).refresh_token);
    await failFiveTimes(due);
    expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing', refresh_failure_code: 'internal' });
    expect((await due.stored.events()).slice(0, 2)).toEqual(['seal.open_failed', 'refresh.failed']);
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
    await setToken(own);
    await mended(due);
  });

  it('a bug that meets one row is told in the row, and climbs the ladder', async () => {
    const due = await stand.due('shopify');
    const setInputs = (inputs: object) =>
      stand.database.sql('update public.integrations set inputs = $2 where id = $1', [due.stored.id, inputs]);
    await setInputs({}); // nobody stores that: its address cannot be made
    await failFiveTimes(due);
    expect(await due.stored.row()).toMatchObject({ status: 'refresh_failing', refresh_failure_code: 'internal' });
    expect(await due.stored.eventsNamed('refresh.failed')).toContainEqual(
      expect.objectContaining({ reason: 'unexpected_error', deadLetter: true }),
    );
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
    await setInputs({ shop: due.account });
    await mended(due);
  });
});

describe('what breaks in the middle of a refresh', () => {
  /** Lets PostgreSQL refuse to note that the provider is about to be asked, where that is so. @returns what ends it */
  async function refuseToSend(where: string, sqlState: string): Promise<() => Promise<unknown>> {
    await stand.database.sql(
      `create function public.refuse() returns trigger language plpgsql as
         $$ begin raise exception 'refused by a test' using errcode = '${sqlState}'; end $$`,
    );
    await stand.database.sql(
      `create trigger refuse before update on public.integrations for each row
         when (new.phase = 'sending' and ${where}) execute function public.refuse()`,
    );
    return () => stand.database.sql('drop function public.refuse cascade');
  }

  it('by an outage of the database is no failure: the row is as it was claimed', async () => {
    const due = await stand.due('google_drive');
    const end = await refuseToSend('true', '53300'); // too many connections
    await expect(refresh(due)).rejects.toThrow('refused by a test');
    await end();
    expect(await due.stored.row()).toMatchObject({ status: 'connected', failed_refreshes: 0, phase: 'claimed' });
    expect(await due.stored.events()).toEqual([]);
  });

  it('by a bug is a failure, and what was sent before stays in doubt', async () => {
    const due = await stand.due('google_drive');
    const { account } = due;
    await stand.sandbox.admin.fault('google_drive', { on: 'refresh', kind: 'lost_response', account, times: 1 });
    const end = await refuseToSend("old.phase = 'sending'", 'P0001'); // before it is asked once more
    await refresh(due);
    await end();
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      failed_refreshes: 1,
      refresh_failure_code: 'internal',
      phase: 'idle',
    });
    const [{ since } = { since: null }] = await stand.database.sql<{ since: Date | null }>(
      'select in_doubt_since as since from public.integrations where id = $1',
      [due.stored.id],
    );
    expect(since).toBeInstanceOf(Date);
    expect(await stand.sandbox.refreshes(account)).toHaveLength(1);
  });
});

describe('a provider without announced ends', () => {
  it('is asked whether the token works, and nothing is refreshed while it does', async () => {
    const due = await stand.due('notion');
    const before = await due.stored.tokens();
    await refresh(due);
    const row = await due.stored.row();
    expect(row).toMatchObject({ status: 'connected', next_refresh_at: null });
    expect(row.next_sync_at!.getTime()).toBeLessThanOrEqual(Date.now());
    expect(await due.stored.tokens()).toEqual(before);
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
    expect(await stand.sandbox.apiCalls(due.account)).toBe(1);
  });

  it('is refreshed once its API refuses the token', async () => {
    const due = await stand.due('notion');
    await stand.sandbox.admin.expire('notion', due.account);
    const before = await due.stored.tokens();
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected' });
    expect((await due.stored.tokens()).accessToken).not.toBe(before.accessToken);
    expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  });

  it('is not judged by an API that is ill', async () => {
    const due = await stand.due('notion');
    await stand.sandbox.admin.fault('notion', { on: 'api', kind: 'html', status: 500, account: due.account });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'refresh_failing',
      refresh_failure_code: 'provider_unavailable',
    });
    expect(await stand.sandbox.refreshes(due.account)).toEqual([]);
  });

  it('needs its user once the token is refused and there is no refresh token', async () => {
    const due = await stand.due('notion', {}, { issueRefreshToken: false });
    await stand.sandbox.admin.revoke('notion', due.account);
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'invalid_grant',
    });
  });

  it('with an end but no refresh token is asked by its API, too', async () => {
    const due = await stand.due('shopify', {}, { issueRefreshToken: false });
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', next_refresh_at: null });
    expect(await stand.sandbox.apiCalls(due.account)).toBe(1);
  });
});

describe('a webhook provider', () => {
  const hook = (accessToken: string) => ({
    endsInSeconds: null,
    grant: { accessToken, refreshToken: null },
  });

  it('has its stored URL checked, and nobody is called', async () => {
    const due = await stand.webhook(hook('https://hooks.zapier.com/hooks/catch/123456/abcdef/'));
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'connected', next_refresh_at: null });
    expect(await due.stored.eventsNamed('refresh.succeeded')).toEqual([{ epoch: 1, verified: true }]);
  });

  it('needs its user when the URL is not allowed any more', async () => {
    const due = await stand.webhook(hook('https://hooks.example.com/hooks/catch/123456/abcdef/'));
    await refresh(due);
    expect(await due.stored.row()).toMatchObject({ status: 'reauth_required' });
  });
});
