import { eventually } from '../../support/eventually';
import {
  refreshWorker,
  syncWorker,
  type RefreshWorkerInTest,
  type SyncWorkerInTest,
} from '../../support/running-worker';
import type { Row } from '../../support/stored-integration';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
let refresher: RefreshWorkerInTest;
let worker: SyncWorkerInTest;

beforeAll(async () => {
  stand = await WorkerStand.set();
  const { settings } = stand;
  [refresher, worker] = await Promise.all([refreshWorker(settings.workerConfig()), syncWorker(settings.syncConfig())]);
  await refresher.start();
});
afterAll(async () => {
  await Promise.all([refresher.stop(), worker.stop()]);
  await stand.clear();
});

const sync = async ({ stored }: Connected) => worker.syncs.sync(await stored.work());
const dueIn = ({ next_sync_at: next }: Row) => (next!.getTime() - Date.now()) / 1000;
const justConnected = (provider: string, knobs: Record<string, unknown> = {}) =>
  stand.connected(provider, { syncInSeconds: -1 }, knobs);

describe('a sync', () => {
  it('tells what a shop is called, its plan and its domain', async () => {
    const connected = await justConnected('shopify', { plan: 'Basic', primaryDomain: 'shop.example.com' });
    expect(await sync(connected)).toEqual({ againInMs: expect.any(Number) });
    const row = await connected.stored.row();
    expect(row.metadata).toEqual({
      shopName: expect.any(String),
      plan: 'Basic',
      primaryDomain: 'shop.example.com',
    });
    expect(row).toMatchObject({ status: 'connected', failed_syncs: 0 });
    expect(row.last_sync_at).not.toBeNull();
    expect(dueIn(row)).toBeGreaterThan(3200);
    expect(dueIn(row)).toBeLessThanOrEqual(3600);
    expect(await connected.stored.events()).toEqual(['sync.completed']);
  });

  it('tells a workspace, its bot and how many people there are', async () => {
    const connected = await justConnected('notion');
    await sync(connected);
    expect((await connected.stored.row()).metadata).toEqual({
      workspaceName: expect.any(String),
      botId: expect.any(String),
      memberCount: expect.any(Number),
    });
  });

  it('tells a drive its root folder and its quota', async () => {
    const connected = await justConnected('google_drive');
    await sync(connected);
    expect((await connected.stored.row()).metadata).toEqual({
      rootFolderId: expect.any(String),
      quota: { limit: expect.any(Number), usage: expect.any(Number) },
    });
  });

  it('calls nobody for a webhook', async () => {
    const hook = await stand.webhook({
      grant: { accessToken: 'https://hooks.zapier.com/hooks/catch/1/a/', refreshToken: null },
      dueInSeconds: null,
      syncInSeconds: -1,
      endsInSeconds: null,
    });
    await sync(hook);
    expect((await hook.stored.row()).metadata).toEqual({ webhookStatus: 'unverified', lastDeliveryAt: null });
  });

  it('of a webhook leaves what deliveries have learnt while it was under way', async () => {
    const hook = await stand.webhook({
      grant: { accessToken: 'https://hooks.zapier.com/hooks/catch/1/b/', refreshToken: null },
      dueInSeconds: null,
      syncInSeconds: -1,
      endsInSeconds: null,
    });
    const learnt = { webhookStatus: 'reachable', lastDeliveryAt: '2026-11-22T12:00:00.000Z' };
    await stand.database.sql('begin'); // its row stays locked, so that the sync has read it and cannot write yet
    await stand.database.sql('update public.integrations set metadata = $2 where id = $1', [hook.stored.id, learnt]);
    const synced = sync(hook);
    await eventually('a sync that waits for the row', async () => {
      const [waiting] = await stand.database.sql(
        'select from pg_locks waiting where not granted and pg_backend_pid() = any (pg_blocking_pids(waiting.pid))',
      );
      return waiting !== undefined;
    });
    await stand.database.sql('commit');
    await synced;
    expect((await hook.stored.row()).metadata).toEqual(learnt);
  });

  it('fills in whose account it is where the connect could not tell', async () => {
    const connected = await justConnected('google_drive');
    const { account_id: known } = await connected.stored.row();
    await stand.database.sql('update public.integrations set account_id = null where id = $1', [connected.stored.id]);
    await sync(connected);
    expect(await connected.stored.row()).toMatchObject({ account_id: known });
  });

  it('is not done before its time, nor in reauth_required', async () => {
    const early = await stand.connected('shopify', { syncInSeconds: 100 });
    expect(await sync(early)).toEqual({ againInMs: expect.any(Number) });
    const judged = await stand.connected('shopify', { status: 'reauth_required' });
    expect(await sync(judged)).toBe('done');
    for (const { account } of [early, judged]) expect(await stand.sandbox.apiCalls(account)).toBe(0);
  });

  it('is one for any number of wishes', async () => {
    const connected = await justConnected('shopify');
    const work = await connected.stored.work();
    await Promise.all(Array.from({ length: 10 }, () => worker.syncs.sync(work)));
    expect(await stand.sandbox.apiCalls(connected.account)).toBe(1);
  });

  it('is written after a second connect, too', async () => {
    const connected = await justConnected('shopify');
    await stand.database.sql('update public.integrations set connected_at = clock_timestamp() where id = $1', [
      connected.stored.id,
    ]);
    await sync(connected);
    expect(await connected.stored.events()).toEqual(['sync.completed']);
  });
});

describe('a refused token', () => {
  it.each(['shopify', 'notion', 'google_drive'])('of %s is renewed once, and the sync is made', async (provider) => {
    const connected = await justConnected(provider);
    await stand.sandbox.admin.expire(provider, connected.account);
    const before = await connected.stored.tokens();
    expect(await sync(connected)).toEqual({ againInMs: expect.any(Number) });
    expect(await connected.stored.row()).toMatchObject({ status: 'connected', sync_failure_code: null });
    expect((await connected.stored.tokens()).accessToken).not.toBe(before.accessToken);
    expect(await stand.sandbox.refreshes(connected.account)).toHaveLength(1);
    expect(await connected.stored.events()).toEqual(['refresh.succeeded', 'sync.completed']);
  });

  it('that is refused again, fresh, needs its user', async () => {
    const connected = await justConnected('shopify');
    const { account } = connected;
    await stand.sandbox.admin.fault('shopify', { on: 'api', kind: 'status', status: 401, account });
    expect(await sync(connected)).toBe('give_up');
    expect(await connected.stored.row()).toMatchObject({
      status: 'reauth_required',
      refresh_failure_code: 'invalid_grant',
      next_sync_at: null,
    });
  });

  it('whose refresh is refused as well is judged once', async () => {
    const connected = await justConnected('google_drive');
    await stand.sandbox.admin.revoke('google_drive', connected.account);
    expect(await sync(connected)).toBe('give_up');
    expect(await connected.stored.row()).toMatchObject({ status: 'reauth_required' });
    expect(await connected.stored.events()).toEqual(['refresh.failed', 'integration.reauth_required', 'sync.failed']);
  });

  it('without a refresh token needs its user', async () => {
    const connected = await justConnected('notion', { issueRefreshToken: false });
    await stand.sandbox.admin.revoke('notion', connected.account);
    expect(await sync(connected)).toBe('give_up');
    expect(await connected.stored.row()).toMatchObject({ status: 'reauth_required' });
  });

  it('decides nothing while the token endpoint is down', async () => {
    const connected = await justConnected('google_drive');
    const { account } = connected;
    await stand.sandbox.admin.expire('google_drive', account);
    await stand.sandbox.admin.fault('google_drive', { on: 'refresh', kind: 'status', status: 503, account });
    expect(await sync(connected)).toBe('try_again');
    expect(await connected.stored.row()).toMatchObject({
      status: 'refresh_failing',
      sync_failure_code: 'provider_unavailable',
    });
  });
});

describe('an API that is ill', () => {
  const ILL = [
    { kind: 'status', status: 500 },
    { kind: 'html', status: 502 },
    { kind: 'html', status: 401 },
    { kind: 'html', status: 200 },
    { kind: 'rate_limit' },
    { kind: 'drop_before' },
    { kind: 'garbled' },
  ];
  it.each(['shopify', 'notion', 'google_drive'].flatMap((provider) => ILL.map((fault) => ({ provider, fault }))))(
    'never costs $provider its connection: $fault',
    async ({ provider, fault }) => {
      const connected = await justConnected(provider);
      const { account } = connected;
      const heal = await stand.sandbox.admin.fault(provider, { on: 'api', account, ...fault });
      expect(await sync(connected)).toBe('try_again');
      const row = await connected.stored.row();
      expect(row).toMatchObject({ status: 'connected', failed_syncs: 1 });
      expect(dueIn(row)).toBeLessThanOrEqual(61);
      await heal();
      await stand.database.sql('update public.integrations set next_sync_at = now() where id = $1', [row.id]);
      await sync(connected);
      expect(await connected.stored.row()).toMatchObject({ failed_syncs: 0, sync_failure_code: null });
    },
  );
});

it('a worker that starts does what is due, and comes back at the next time', async () => {
  const own = await syncWorker(stand.settings.syncConfig({ SYNC_EVERY: '3s' }));
  const connected = await justConnected('shopify');
  await own.start();
  await eventually('three syncs', async () => {
    const completed = await connected.stored.eventsNamed('sync.completed');
    return completed.length >= 3;
  });
  await own.stop();
});
