import { unpackDebianProgram } from './debian-packages.mjs';
import { redisVersion } from './redis-version.mjs';

/**
 * Redis from the system's own packages, unpacked beside the system.
 * @param {{ fallbackFolder: string, say: (line: string) => void }} options
 * @returns {Promise<import('./redis.mjs').RedisProgram | undefined>} undefined where that does not work
 */
export async function unpackDebianRedis({ fallbackFolder, say }) {
  const program = await unpackDebianProgram({
    name: 'redis',
    title: 'Redis',
    packages: ['redis-server', 'redis-tools'],
    usualLibraries: ['libjemalloc2', 'liblua5.1-0', 'liblzf1', 'lua-cjson', 'lua-bitop', 'libatomic1'],
    command: 'usr/bin/redis-server',
    versionOf: redisVersion,
    fallbackFolder,
    say,
  });
  if (!program) return undefined;
  const { command, env, version } = program;
  return { command, env, label: `redis-server ${version} (unpacked from the system's packages)` };
}
