import { isLoopback, Mistakes, readRedisReach, SettingReader, type Environment, type HubConfig } from '@hub/config';
import { trusting } from '@hub/queues';
import { Redis } from 'ioredis';

/** What Redis says of itself. */
export interface RedisFacts {
  readonly version: string;
  readonly evictionPolicy: string;
  readonly appendOnly: boolean;
  /** Whether others on the way could read along. */
  readonly isOpenLine: boolean;
}

type RedisReach = Pick<HubConfig, 'redisUrl' | 'redisCaCert'>;

const CONNECT_MS = 3_000;

/**
 * How Redis is reached. The client would take any text that is no URL for the path of a socket, and tell it whole when there is none.
 *
 * @throws ConfigError if REDIS_URL is missing or no URL of a Redis, or REDIS_CACERT cannot be used
 */
export function redisReach(environment: Environment): RedisReach {
  const mistakes = new Mistakes();
  const reach = readRedisReach(new SettingReader(environment, mistakes), 'the Redis of the apps');
  mistakes.throwIfAny();
  return reach;
}

/** Asks Redis. @throws what the connection met */
export async function readRedisFacts({ redisUrl, redisCaCert }: RedisReach): Promise<RedisFacts> {
  const redis = new Redis(redisUrl, {
    ...trusting(redisCaCert),
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disconnectTimeout: 200, // it would keep the command waiting
  });
  let met: unknown;
  redis.on('error', (error) => (met = error)); // `connect` itself only says that the connection is closed
  try {
    await redis.connect();
    const fields = infoFields(await redis.info());
    return {
      version: fields.get('valkey_version') ?? fields.get('redis_version') ?? 'of unknown version',
      evictionPolicy: fields.get('maxmemory_policy') ?? 'unknown',
      appendOnly: fields.get('aof_enabled') === '1',
      isOpenLine: redisUrl.startsWith('redis:') && !isLoopback(new URL(redisUrl).hostname),
    };
  } catch (error) {
    throw met ?? error;
  } finally {
    redis.disconnect();
  }
}

/** `name:value` lines, as INFO answers. */
function infoFields(info: string): Map<string, string> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
