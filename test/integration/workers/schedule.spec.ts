import { IntegrationRepository } from '@hub/database';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually';
import { refreshWorker, type RefreshWorkerInTest } from '../../support/running-worker';
import { TcpProxy } from '../../support/tcp-proxy';
import { WorkerStand, type Connected } from './worker-stand';

/** Nothing listens there. */
const NO_REDIS = 'redis://127.0.0.1:1';

let stand: WorkerStand;
let worker: RefreshWorkerInTest | undefined;

beforeEach(async () => {
  stand = await WorkerStand.set();
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await stand.clear();
});

async function start(changed: Record<string, string> = {}): Promise<void> {
  worker = await refreshWorker(stand.settings.workerConfig(changed));
  await worker.start();
}

const refreshed = ({ account }: Connected, times: number, withinMs = 15_000) =>
  eventually(
    `${times} refreshes`,
    async () => (await stand.sandbox.refreshes(account)).filter(({ accepted }) => accepted).length >= times,
    { withinMs },
  );

/** Everything that this hub has in Redis, and nothing of others. */
async function wipeRedis(): Promise<number> {
  const redis = new Redis(process.env['HUB_TEST_REDIS_URL']!);
  const keys = await redis.keys(`${stand.settings.environment['REDIS_PREFIX']}*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
  return keys.length;
}

it('tokens are refreshed before they end, again and again, by themselves', async () => {
  const life = { accessTokenSeconds: 12 };
  const due = await Promise.all(
    ['shopify', 'google_drive'].map((provider) => stand.connected(provider, { dueInSeconds: 1 }, life)),
  );
  await start();
  for (const connected of due) await refreshed(connected, 3, 30_000);
  for (const { account } of due) {
    const handedOut = (await stand.sandbox.refreshes(account)).map((entry) => ({
      at: Date.parse(entry.at),
      endsAt: entry.handedOut!.accessExpiresAt!,
    }));
    for (const [place, { at }] of handedOut.slice(1).entries()) expect(at).toBeLessThan(handedOut[place]!.endsAt);
  }
});

it('what is overdue when a worker starts is done at once', async () => {
  const due = await stand.due('shopify');
  await start();
  await refreshed(due, 1, 5_000);
});

it('the scan gives what falls due its exact job, and sweeps old flows', async () => {
  await stand.connected('shopify', { dueInSeconds: 600 });
  await start({ REFRESH_SCAN_EVERY: '10m' });
  const redis = new Redis(process.env['HUB_TEST_REDIS_URL']!);
  const delayed = `${stand.settings.environment['REDIS_PREFIX']}:token-refresh-shopify:delayed`;
  await eventually('its delayed job', async () => (await redis.zcard(delayed)) === 1);
  redis.disconnect();
});

it('a wiped Redis costs no token its life', async () => {
  const due = await stand.connected('shopify', { dueInSeconds: 4 }, { accessTokenSeconds: 30 });
  await start();
  await eventually('something in Redis', async () => (await wipeRedis()) > 0);
  await refreshed(due, 1, 25_000);
  expect((await due.stored.row()).status).toBe('connected');
});

it('without Redis from the start tokens are refreshed all the same', async () => {
  const due = await stand.due('shopify', {}, { accessTokenSeconds: 12 });
  await start({ REDIS_URL: NO_REDIS });
  await refreshed(due, 2, 20_000);
});

it('without Redis a refresh that a caller asks for does not wait for the next look', async () => {
  const { account, stored } = await stand.connected('shopify', { dueInSeconds: 600 });
  const first = await stand.due('google_drive');
  await start({ REDIS_URL: NO_REDIS });
  await refreshed(first, 1); // the first look is over
  const gateway = new IntegrationRepository(await stand.database.as('gateway'));
  await gateway.requestRefresh(stored.orgId, stored.provider);
  await refreshed({ account, stored }, 1, 5_000);
});

it('a Redis that goes away and comes back is used again', async () => {
  const url = new URL(process.env['HUB_TEST_REDIS_URL']!);
  const door = await TcpProxy.before(url.hostname, Number(url.port));
  url.host = `127.0.0.1:${door.port}`;
  await start({ REDIS_URL: url.href });
  await door.shut();
  const during = await stand.due('shopify');
  await refreshed(during, 1, 20_000);
  await door.reopen();
  const after = await stand.due('google_drive');
  await refreshed(after, 1, 25_000);
  await worker?.stop();
  worker = undefined;
  await door.shut();
}, 90_000);
