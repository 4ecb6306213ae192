import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { refreshWorker } from '../../support/running-worker';
import { TcpProxy } from '../../support/tcp-proxy';
import { WorkerStand, type Connected } from './worker-stand';

let stand: WorkerStand;
beforeEach(async () => {
  stand = await WorkerStand.set();
});
afterEach(() => stand.clear());

const files = () => readdirSync(stand.settings.spoolDir).filter((name) => name.endsWith('.json'));

/** PostgreSQL goes away after the provider was asked and before its answer comes. */
async function refreshIntoAnOutage(worker: Awaited<ReturnType<typeof refreshWorker>>, { stored, account }: Connected) {
  await stand.sandbox.admin.fault(stored.provider, {
    on: 'refresh',
    kind: 'latency',
    ms: 500,
    afterWork: true,
    account,
    times: 1,
  });
  const refreshing = worker.refreshes.refresh(await stored.work());
  await eventually('the call', async () => (await stand.sandbox.refreshes(account)).length === 1);
  await stand.database.setAway(true);
  return refreshing;
}

it('an answer that PostgreSQL cannot take is committed as soon as it is back, without another call', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const due = await stand.due('shopify');
  expect(await refreshIntoAnOutage(worker, due)).toEqual({ kind: 'parked' });
  expect(files()).toHaveLength(1);
  expect(await worker.refreshes.refresh(await due.stored.work())).toEqual({ kind: 'parked' });

  await stand.database.setAway(false);
  await eventually('its commit', async () => (await due.stored.row()).settled_epoch === 1);
  await eventually('an empty spool', async () => files().length === 0);
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
  expect(await due.stored.events()).toEqual(['refresh.succeeded']);
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  await worker.stop();
});

it('a worker that is asked to end while PostgreSQL is away commits its answer once that is back, and ends then', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const due = await stand.due('shopify');
  expect(await refreshIntoAnOutage(worker, due)).toEqual({ kind: 'parked' });
  let hasEnded = false;
  const stopping = worker.stop().then(() => (hasEnded = true));
  await sleep(2_000);
  expect(hasEnded).toBe(false);
  await stand.database.setAway(false);
  await stopping;
  expect(files()).toEqual([]);
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle', settled_epoch: 1 });
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
});

it('nobody else asks a provider that takes a token once, although the lease is over, until the answer is committed', async () => {
  const [worker, other] = await Promise.all([
    refreshWorker(stand.settings.workerConfig()),
    refreshWorker(stand.settings.workerConfig({ SPOOL_DIR: `${stand.settings.spoolDir}-of-another` })),
  ]);
  const due = await stand.due('shopify', {}, { rotationGrace: 0 });
  await refreshIntoAnOutage(worker, due);
  await sleep(3_000);
  await stand.database.sql(`update public.integrations set lease_until = now() - interval '1 second' where id = $1`, [
    due.stored.id,
  ]);
  const work = await due.stored.work();
  await stand.database.setAway(false);
  await eventually('a settlement', async () => {
    await other.refreshes.refresh(work).catch(() => undefined); // as a watch that never rests
    return (await due.stored.row()).settled_epoch > 0;
  });
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle', epoch: 1, settled_epoch: 1 });
  expect(await due.stored.events()).toEqual(['refresh.succeeded']);
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  await Promise.all([worker.stop(), other.stop()]);
});

it('an answer whose line falls silent is committed over a new one before the lease is over, and nobody asks a second time', async () => {
  const url = new URL(stand.database.refreshWorkerUrl);
  const line = await TcpProxy.before(url.hostname, Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(line.port);
  const [worker, other] = await Promise.all([
    refreshWorker(stand.settings.workerConfig({ DATABASE_URL: url.href })),
    refreshWorker(stand.settings.workerConfig({ SPOOL_DIR: `${stand.settings.spoolDir}-of-another` })),
  ]);
  // five seconds of a lease, as in a life of a minute
  const due = await stand.due('shopify', { endsInSeconds: 20 }, { rotationGrace: 0 });
  await stand.sandbox.admin.fault('shopify', { on: 'refresh', kind: 'latency', ms: 500, afterWork: true, times: 1 });
  const work = await due.stored.work();
  const refreshing = worker.refreshes.refresh(work);
  await eventually('the call', async () => (await stand.sandbox.refreshes(due.account)).length === 1);
  expect(line.forgetWhoSaid('hub-refresh-worker-settle')).toBeGreaterThan(0);
  await eventually('a settlement', async () => {
    await other.refreshes.refresh(work); // as a watch that never rests
    return (await due.stored.row()).settled_epoch > 0;
  });
  expect(await refreshing).toMatchObject({ kind: 'saved' });
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle', epoch: 1, settled_epoch: 1 });
  expect(await due.stored.events()).toEqual(['refresh.succeeded']);
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  await Promise.all([worker.stop(), other.stop()]);
  await line.shut();
});

it('an answer is on the disk before a PostgreSQL that stands still has refused it', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const due = await stand.due('shopify');
  await stand.sandbox.admin.fault('shopify', { on: 'refresh', kind: 'latency', ms: 500, afterWork: true, times: 1 });
  const refreshing = worker.refreshes.refresh(await due.stored.work());
  await eventually('the call', async () => (await stand.sandbox.refreshes(due.account)).length === 1);
  await stand.database.sql('begin');
  await stand.database.sql('select from public.integrations where id = $1 for update', [due.stored.id]);
  await eventually('its file', () => Promise.resolve(existsSync(stand.settings.spoolDir) && files().length === 1), {
    withinMs: 2_000,
  });
  await stand.database.sql('commit');
  expect(await refreshing).toMatchObject({ kind: 'saved' });
  expect(files()).toEqual([]);
  await worker.stop();
});

it('a worker settles by connections of their own', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const connections = await stand.database.sql<{ name: string }>(
    'select distinct application_name as name from pg_stat_activity where datname = $1 order by 1',
    [stand.database.name],
  );
  expect(connections.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['hub-refresh-worker', 'hub-refresh-worker-settle']),
  );
  await worker.stop();
});

it('the next process commits what the last one left, and a grant is used once', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const due = await stand.due('notion');
  await stand.sandbox.admin.expire('notion', due.account);
  await refreshIntoAnOutage(worker, due);
  await worker.stop(0);
  await stand.database.setAway(false);
  expect(files()).toHaveLength(1);

  const next = await refreshWorker(stand.settings.workerConfig());
  await next.start();
  await eventually('its commit', async () => (await due.stored.row()).status === 'connected');
  await eventually('an empty spool', async () => files().length === 0);
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
  await next.stop();
});

it('a spooled answer is a file for its owner alone, and holds no token in the clear', async () => {
  const worker = await refreshWorker(stand.settings.workerConfig());
  const due = await stand.due('shopify');
  const { accessToken, refreshToken } = await due.stored.tokens();
  await refreshIntoAnOutage(worker, due);
  const [name = ''] = files();
  const file = path.join(stand.settings.spoolDir, name);
  const text = readFileSync(file, 'utf8');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(text).toContain('hub1.');
  const { grants } = await stand.sandbox.admin.call<{ grants: unknown[] }>('GET', '/grants/shopify');
  expect(grants).toHaveLength(1);
  for (const secret of [accessToken, refreshToken!, 'shpat_', 'shprt_', 'shpua_']) expect(text).not.toContain(secret);
  await stand.database.setAway(false);
  await worker.stop();
});

it('a file that is no answer is left where it is and stops nothing', async () => {
  mkdirSync(stand.settings.spoolDir, { recursive: true });
  writeFileSync(path.join(stand.settings.spoolDir, 'broken.json'), '{"format":1');
  const worker = await refreshWorker(stand.settings.workerConfig());
  await worker.start();
  expect(files()).toEqual(['broken.json']);
  await worker.stop();
});
