import { mainOf } from './apps.mjs';
import { Refusal } from './refusal.mjs';
import { run } from './run.mjs';

const SCOPES = 'integrations:read integrations:write tokens:read audit:read operations';

/**
 * A caller's token for the local org, with every scope, made by the operators' own command line.
 * @param {Record<string, string>} environment
 * @returns {Promise<string>}
 */
export async function localToken(environment) {
  const claims = ['--org', environment.HUB_LOCAL_ORG_ID, '--sub', 'local-user', '--scope', SCOPES, '--ttl', '12h'];
  const answer = await run(process.execPath, [mainOf('cli'), 'token', ...claims], { env: environment });
  if (!answer.ok) throw new Refusal(`No token could be made: ${answer.stderr.trim()}`);
  return answer.stdout.trim().split('\n').at(-1);
}
