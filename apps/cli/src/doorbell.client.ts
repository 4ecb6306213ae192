import { setTimeout as sleep } from 'node:timers/promises';
import { Mistakes, readRedisReach, SettingReader, type Environment } from '@hub/config';
import { JobProducer, RedisConnections, type Ring } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';

/** The first connection to Redis takes a moment, and a ring does not wait for it. */
const RING_FOR_MS = 2_000;
const RING_EVERY_MS = 100;

/** What the operator hears where nobody was rung for. */
export const NOBODY_RUNG = 'Redis takes no ring: the workers’ watch picks it up within half a minute.';

/** Rings the workers at `REDIS_URL` for work that its rows say is due. @returns false if Redis is not set, or took not all */
export async function ring(environment: Environment, rings: readonly Ring[]): Promise<boolean> {
  const reader = new SettingReader(environment, new Mistakes());
  if (reader.text('REDIS_URL') === undefined) return false;
  const reach = readRedisReach(reader);
  if (reader.mistakes.any) return false;
  const logger = HubLogger.forApp('cli', 'silent');
  const connections = new RedisConnections(reach, logger);
  const producer = new JobProducer({ redisPrefix: reader.text('REDIS_PREFIX') ?? 'hub' }, connections, logger);
  try {
    const end = performance.now() + RING_FOR_MS;
    while (!(await producer.ringCrowd(rings))) {
      if (performance.now() > end) return false;
      await sleep(RING_EVERY_MS);
    }
    return true;
  } finally {
    await producer.close();
    connections.close();
  }
}
