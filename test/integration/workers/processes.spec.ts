import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { HubProcess } from '../../support/hub-process';
import { TcpProxy } from '../../support/tcp-proxy';
import { WorkerStand, type Connected } from './worker-stand';

type Worker = 'refresh-worker' | 'metadata-sync-worker' | 'delivery-worker';

let stand: WorkerStand;
const processes: HubProcess[] = [];

beforeEach(async () => {
  stand = await WorkerStand.set({ LOG_LEVEL: 'info' });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await stand.clear();
});

async function worker(app: Worker, changed: Record<string, string> = {}): Promise<HubProcess> {
  const port = String(await freePort());
  const DATABASE_URL = {
    'refresh-worker': stand.database.refreshWorkerUrl,
    'metadata-sync-worker': stand.database.syncWorkerUrl,
    'delivery-worker': stand.database.deliveryWorkerUrl,
  }[app];
  const environment = { ...stand.settings.environment, DATABASE_URL, WORKER_HEALTH_PORT: port, ...changed };
  const process = new HubProcess({ app, environment, readyUrl: `http://127.0.0.1:${port}/health/ready` });
  processes.push(process);
  await process.start();
  return process;
}

/** The worker's records of one name. */
const records = (process: HubProcess, name: string) =>
  process.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['event.name'] === name);

async function sentButNotAnswered(provider: string, ms: number): Promise<Connected> {
  const due = await stand.due(provider);
  const { account } = due;
  await stand.sandbox.admin.fault(provider, { on: 'refresh', kind: 'latency', ms, afterWork: true, account, times: 1 });
  return due;
}

const asked = ({ account }: Connected) =>
  eventually('the call', async () => (await stand.sandbox.refreshes(account)).length === 1);

describe.each(['refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const)('%s', (app) => {
  it('becomes ready, says so, and ends by itself at SIGTERM', async () => {
    const process = await worker(app);
    await process.stop();
    expect(records(process, 'hub.worker.started')).toHaveLength(1);
    expect(records(process, 'hub.worker.stopped')).toHaveLength(1);
  });

  it('needs no Redis to become ready, nor to end', async () => {
    const process = await worker(app, { REDIS_URL: 'redis://127.0.0.1:1' });
    await process.stop();
  });

  it('names every mistake in its settings, and ends', () => {
    const main = path.join(process.cwd(), 'dist/apps', app, 'src/main.js');
    const { status, stderr } = spawnSync(process.execPath, [main], { env: {}, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('DATABASE_URL is missing');
    expect(stderr).toContain('REDIS_URL is missing');
    expect(stderr).toContain('TOKEN_KEYS is missing');
  });
});

it.each(['refresh-worker', 'metadata-sync-worker'] as const)(
  '%s outlives a Redis and a PostgreSQL that go away',
  async (app) => {
    const url = new URL(stand.settings.environment['REDIS_URL']!);
    const door = await TcpProxy.before(url.hostname, Number(url.port));
    url.host = `127.0.0.1:${door.port}`;
    const process = await worker(app, { REDIS_URL: url.href });
    await door.shut();
    await stand.database.setAway(true);
    await sleep(4_000);
    await stand.database.setAway(false);
    const due = await stand.due('shopify', { syncInSeconds: -1 });
    const done = app === 'refresh-worker' ? 'refresh.succeeded' : 'sync.completed';
    await eventually('work', async () => (await due.stored.events()).includes(done), { withinMs: 20_000 });
    await door.reopen();
    await sleep(1_000);
    expect(process.isRunning).toBe(true);
    expect(records(process, 'hub.worker.crashed')).toEqual([]);
    await process.stop();
    await door.shut();
  },
  90_000,
);

it('a refresh that was sent when SIGTERM comes is finished and saved', async () => {
  const due = await sentButNotAnswered('notion', 1500);
  await stand.sandbox.admin.expire('notion', due.account);
  const process = await worker('refresh-worker');
  await asked(due);
  await process.stop();
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
  expect(records(process, 'hub.refresh.succeeded')).toHaveLength(1);
});

it('a second signal does not cut short what was sent', async () => {
  const due = await sentButNotAnswered('notion', 8_000);
  await stand.sandbox.admin.expire('notion', due.account);
  const process = await worker('refresh-worker');
  await asked(due);
  process.signal('SIGTERM');
  await sleep(200);
  await process.stop();
  expect(await due.stored.row()).toMatchObject({ status: 'connected', phase: 'idle' });
  expect(await stand.sandbox.refreshes(due.account)).toHaveLength(1);
}, 90_000);

it('a worker that is killed between answer and commit costs nothing where a token may be presented again', async () => {
  const due = await sentButNotAnswered('shopify', 1000);
  const first = await worker('refresh-worker');
  await asked(due);
  await first.kill();
  expect(await due.stored.row()).toMatchObject({ phase: 'sending', status: 'connected' });
  await stand.database.sql(`update public.integrations set lease_until = now() + interval '1 second' where id = $1`, [
    due.stored.id,
  ]);
  await worker('refresh-worker');
  await eventually('a refresh', async () => (await due.stored.row()).phase === 'idle');
  expect(await due.stored.row()).toMatchObject({ status: 'connected' });
  expect(await due.stored.eventsNamed('refresh.in_doubt')).toEqual([
    expect.objectContaining({ lost: 'never_recorded', outcome: 'granted' }),
  ]);
});

it('no record of a refresh or a sync holds a token', async () => {
  const due = await stand.due('shopify', { syncInSeconds: -1 });
  const before = await due.stored.tokens();
  const [refresher, syncer] = await Promise.all([worker('refresh-worker'), worker('metadata-sync-worker')]);
  await eventually('both', async () => {
    const told = await due.stored.events();
    return told.includes('refresh.succeeded') && told.includes('sync.completed');
  });
  const after = await due.stored.tokens();
  const lines = [...refresher.lines, ...syncer.lines].join('\n');
  for (const secret of [before.accessToken, before.refreshToken, after.accessToken, after.refreshToken])
    expect(lines).not.toContain(secret);
  expect(lines).not.toContain('hub1.');
  expect(records(refresher, 'hub.refresh.started')).toHaveLength(1);
  expect(records(refresher, 'hub.refresh.succeeded')).toEqual([
    expect.objectContaining({ provider: 'shopify', integration: due.stored.id, outcome: 'success' }),
  ]);
});
