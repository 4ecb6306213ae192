import { randomUUID } from 'node:crypto';
import { RedisHearing } from '@hub/queues';
import { Redis } from 'ioredis';
import { testServers } from '../../../../test/support/test-servers';
import { Limiter, type Exceeded } from './limiter';

const RATE = { count: 40, windowMs: 60_000 };
const AT_ONCE = 100;

let redis: Redis;
beforeAll(async () => {
  redis = new Redis(testServers().redisUrl);
  await redis.ping(); // what is not ready yet is not waited for
});
afterAll(() => redis.quit());

/** Two gateways' limiters of one kind, each with its own count, over one Redis. */
function twoGateways(slice: number): readonly [Limiter, Limiter] {
  const prefix = `limiter-${randomUUID()}`;
  const make = () => new Limiter(redis, prefix, 'test', RATE, new RedisHearing(), slice);
  return [make(), make()];
}

const refusals = (answers: readonly (Exceeded | undefined)[]) => answers.filter((answer) => answer !== undefined);

describe.each([1, 4])('requests that come all at once, counted by %i', (slice) => {
  it('pass as many as may, at one gateway, and one of the others is the first', async () => {
    const [gateway] = twoGateways(slice);
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => gateway.take('a')));
    expect(refusals(answers)).toHaveLength(AT_ONCE - RATE.count);
    expect(refusals(answers).filter(({ isFirst }) => isFirst)).toHaveLength(1);
    expect(await gateway.over('a')).toMatchObject({ isFirst: false });
    expect(await gateway.over('b')).toBeUndefined();
  });

  it('pass as many as may over two gateways, and each knows one first at most', async () => {
    const gateways = twoGateways(slice);
    const answers = await Promise.all(
      gateways.map((gateway) => Promise.all(Array.from({ length: AT_ONCE }, () => gateway.take('a')))),
    );
    expect(refusals(answers.flat())).toHaveLength(2 * AT_ONCE - RATE.count);
    const firsts = answers.map((ofOne) => refusals(ofOne).filter(({ isFirst }) => isFirst).length);
    expect(Math.max(...firsts)).toBe(1);
  });
});

it('what is counted one by one asks Redis side by side, and not one after the other', async () => {
  const [gateway] = twoGateways(1);
  await gateway.take('a');
  let underWay = 0;
  let most = 0;
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    most = Math.max(most, (underWay += 1));
    const sent = send(command, stream) as Promise<unknown>;
    const ended = () => (underWay -= 1);
    sent.then(ended, ended);
    return sent;
  };
  try {
    await Promise.all(Array.from({ length: 20 }, () => gateway.take('a')));
  } finally {
    redis.sendCommand = send;
  }
  expect(most).toBe(20);
});
