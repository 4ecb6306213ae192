import { eventually } from '../../support/eventually';
import {
  refreshWorker,
  syncWorker,
  type RefreshWorkerInTest,
  type SyncWorkerInTest,
} from '../../support/running-worker';
import { WorkerStand, type Connected } from './worker-stand';

/** An API that answers 401 while the token endpoint is well. */
const REFUSAL = { on: 'api', kind: 'status', status: 401 } as const;

let stand: WorkerStand;
let refresher: RefreshWorkerInTest;
let workers: SyncWorkerInTest[];

beforeEach(async () => {
  stand = await WorkerStand.set();
  refresher = await refreshWorker(stand.settings.workerConfig());
  const config = stand.settings.syncConfig();
  workers = await Promise.all([syncWorker(config), syncWorker(config)]);
  await refresher.start();
});
afterEach(async () => {
  await Promise.all([refresher, ...workers].map((worker) => worker.stop()));
  await stand.clear();
});

const connectedAt = (provider: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => stand.connected(provider, { syncInSeconds: -1 })));

/** Every second one by the other process, as the queue would have it; so many at once. */
async function syncAll(all: readonly Connected[], atOnce: number): Promise<void> {
  for (let start = 0; start < all.length; start += atOnce)
    await Promise.all(
      all
        .slice(start, start + atOnce)
        .map(async ({ stored }, place) => workers[place % workers.length]?.syncs.sync(await stored.work())),
    );
}

async function statusesOf(all: readonly Connected[]): Promise<string[]> {
  return Promise.all(all.map(async ({ stored }) => (await stored.row()).status));
}

it.each([
  ['one after the other', 2],
  ['all at the same moment', 24],
])('an API that refuses everybody costs nobody the connection: %s', async (_how, atOnce) => {
  const all = await connectedAt('google_drive', 24);
  const mend = await stand.sandbox.admin.fault('google_drive', REFUSAL);
  await syncAll(all, atOnce);
  await eventually('all to be connected', async () => new Set(await statusesOf(all)).size === 1, { withinMs: 30_000 });
  expect(new Set(await statusesOf(all))).toEqual(new Set(['connected']));
  await syncAll(all, atOnce); // those that were judged before it showed are tried again, and held back now
  expect(await statusesOf(all)).not.toContain('reauth_required');
  for (const { stored } of all)
    expect(await stored.row()).toMatchObject({
      sync_failure_code: 'provider_unavailable',
      next_sync_at: expect.any(Date),
    });

  await mend();
  await stand.database.sql('update public.integrations set next_sync_at = now()');
  await syncAll(all, 8);
  for (const { stored } of all)
    expect(await stored.row()).toMatchObject({ status: 'connected', sync_failure_code: null });
});

it('a grant that is dead is found among those that are well', async () => {
  const all = await connectedAt('google_drive', 8);
  const [dead] = all;
  await stand.sandbox.admin.fault('google_drive', { ...REFUSAL, account: dead?.account ?? '' });
  await syncAll(all, 2);
  const statuses = await statusesOf(all);
  expect(statuses[0]).toBe('reauth_required');
  expect(new Set(statuses.slice(1))).toEqual(new Set(['connected']));
});
