import { randomUUID } from 'node:crypto';
import type { SendPace } from '@hub/providers';
import { RedisConnections } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { testServers } from '../../../../test/support/test-servers';
import { PaceService } from './pace.service';

const URL_PACE = { burst: 1, everyMs: 100 };
const USER_PACE = { burst: 5, everyMs: 60_000 };
const NOBODY_LISTENS = 'redis://127.0.0.1:1';

const connections: RedisConnections[] = [];
afterEach(() => connections.splice(0).forEach((one) => one.close()));

/** The paces of workers that share a corner of Redis. */
async function workers(count: number, redisUrl = testServers().redisUrl): Promise<PaceService[]> {
  const redisPrefix = `pace-${randomUUID()}`;
  return Promise.all(
    Array.from({ length: count }, async () => {
      const redis = new RedisConnections({ redisUrl }, HubLogger.forApp('test', 'silent'));
      connections.push(redis);
      const service = new PaceService({ redisPrefix }, redis);
      await redis.known();
      return service;
    }),
  );
}

const aPace = (pace: Omit<SendPace, 'key'>): SendPace => ({ key: randomUUID(), ...pace });

/** All ask at once, in turn at each of the workers. @returns how many were given a turn, and how long that took */
async function ask(all: readonly PaceService[], count: number, paces: readonly SendPace[]) {
  const startedMs = performance.now();
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => all[n % all.length]!.turn(paces)));
  const kept = answers.filter((laterMs) => laterMs === undefined).length;
  return { kept, tookMs: performance.now() - startedMs };
}

it('a pace is one for all workers: no more have a turn than fit into the time', async () => {
  const { kept, tookMs } = await ask(await workers(3), 60, [aPace(URL_PACE)]);
  expect(kept).toBeGreaterThanOrEqual(10);
  expect(kept).toBeLessThanOrEqual(Math.floor(tookMs / URL_PACE.everyMs) + 1);
});

it('a burst is one for all workers, and those behind it are told to come later', async () => {
  const [one, two] = await workers(2);
  const paces = [aPace({ burst: 1_000, everyMs: 1 }), aPace(USER_PACE)];
  expect((await ask([one!, two!], 40, paces)).kept).toBe(USER_PACE.burst);
  const laterMs = await two!.turn(paces);
  expect(laterMs).toBeGreaterThan(USER_PACE.everyMs / 2);
  expect(laterMs).toBeLessThanOrEqual(USER_PACE.everyMs);
  expect(await one!.turn([paces[0]!])).toBeUndefined();
});

it('who asks for patience is given it by all workers', async () => {
  const [one, two] = await workers(2);
  const pace = aPace({ burst: 10, everyMs: 10 });
  await one!.hold(pace, 60_000);
  for (const worker of [one!, two!]) expect(await worker.turn([pace])).toBeGreaterThan(30_000);
  expect(await two!.turn([aPace(URL_PACE)])).toBeUndefined();
});

it('without Redis each worker keeps to the pace by itself, and to the patience that it was asked for', async () => {
  const [one, two] = await workers(2, NOBODY_LISTENS);
  const pace = aPace(USER_PACE);
  expect((await ask([one!], 20, [pace])).kept).toBe(USER_PACE.burst);
  expect((await ask([two!], 20, [pace])).kept).toBe(USER_PACE.burst);
  const other = aPace(USER_PACE);
  await one!.hold(other, 60_000);
  expect(await one!.turn([other])).toBeGreaterThan(30_000);
});
