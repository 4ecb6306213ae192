import { Redis } from 'ioredis';

const BATCH = 500;

/** Everything below a prefix of a Redis, readable: keys, fields, values. */
export async function redisDump({ url, prefix }: { url: string; prefix: string }): Promise<string[]> {
  const redis = new Redis(url);
  try {
    const dump: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', BATCH);
      for (const key of keys) dump.push(key, JSON.stringify(await valueOf(redis, key)));
      cursor = next;
    } while (cursor !== '0');
    return dump;
  } finally {
    redis.disconnect();
  }
}

/** What a key holds, whatever its type; `undefined` if it is gone meanwhile. */
export async function valueOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return undefined; // gone meanwhile
  }
}
