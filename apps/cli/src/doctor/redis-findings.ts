import { bad, good, warning, type Finding } from './finding';
import type { RedisFacts } from './redis-facts.client';

/** What BullMQ asks for at least. */
const OLDEST_REDIS: readonly [major: number, minor: number] = [6, 2];

/** What the facts about Redis mean. It holds nothing that PostgreSQL does not know, so that little here is fatal. */
export function redisFindings({ version, evictionPolicy, appendOnly, isOpenLine }: RedisFacts): Finding[] {
  return [
    versionFinding(version),
    evictionPolicy === 'noeviction'
      ? good('Redis evicts nothing')
      : warning(`Redis evicts by ${evictionPolicy}`, 'set maxmemory-policy noeviction, or jobs vanish under load'),
    appendOnly
      ? good('Redis keeps its data (appendonly)')
      : warning(
          'Redis keeps nothing over a restart',
          'set appendonly yes; until then jobs are rung again from the rows',
        ),
    isOpenLine
      ? warning(
          'The line to Redis is not encrypted',
          'write rediss:// in REDIS_URL, and REDIS_CACERT if its certificate is your own',
        )
      : good('The line to Redis is encrypted, or stays on this machine'),
  ];
}

function versionFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor >= OLDEST_REDIS[1]);
  return isNewEnough
    ? good(`Redis ${version}`)
    : bad(`Redis ${version} is too old`, `use Redis ${OLDEST_REDIS.join('.')} or newer, or Valkey`);
}
