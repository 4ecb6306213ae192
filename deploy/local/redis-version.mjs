import { run } from './run.mjs';

/**
 * @param {string} command
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<string | undefined>} undefined when it does not run
 */
export async function redisVersion(command, env) {
  const { stdout } = await run(command, ['--version'], { env });
  return /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}
