import fs from 'node:fs';
import { Refusal } from './refusal.mjs';

/**
 * Makes sure that a Redis from outside can be used before anything is started for it.
 * @param {string} url of `givenRedisUrl`
 * @param {string} [certificates] the file of REDIS_CACERT
 */
export async function requireRedis(url, certificates) {
  const { Redis } = await import('ioredis'); // installed by now
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 5_000,
    maxRetriesPerRequest: 0,
    ...(certificates !== undefined && { tls: { ca: fs.readFileSync(certificates) } }),
  });
  let cause;
  client.on('error', (error) => (cause = error)); // tells more than the refused command does
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    const reason = cause?.message || cause?.code || error.message;
    throw new Refusal(
      `Redis at ${new URL(url).host} cannot be used (${reason}): start it or correct REDIS_URL, or leave REDIS_URL out to have one started for you.`,
      { cause: error },
    );
  } finally {
    client.disconnect();
  }
}
