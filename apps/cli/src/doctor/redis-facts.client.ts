import { Mistakes, SettingReader, type Environment } from '@hub/config';
import { Redis } from 'ioredis';

/** What Redis says of itself. */
export interface RedisFacts {
  readonly version: string;
  readonly evictionPolicy: string;
  readonly appendOnly: boolean;
}

const CONNECT_MS = 3_000;

/**
 * Redis's URL. The client would take any other text for the path of a socket, and tell it whole when there is none.
 *
 * @throws ConfigError if REDIS_URL is missing or no URL of a Redis
 */
export function redisUrl(environment: Environment): string {
  const mistakes = new Mistakes();
  const url = new SettingReader(environment, mistakes).connectionUrl(
    'REDIS_URL',
    ['redis:', 'rediss:'],
    'the Redis of the apps',
  );
  mistakes.throwIfAny();
  return url;
}

/** Asks Redis. @throws what the connection met */
export async function readRedisFacts(url: string): Promise<RedisFacts> {
  const redis = new Redis(url, {
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
