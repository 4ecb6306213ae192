import { Redis } from 'ioredis';

/** What Redis says of itself. */
export interface RedisFacts {
  readonly version: string;
  readonly evictionPolicy: string;
  readonly appendOnly: boolean;
}

const CONNECT_MS = 3_000;

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
