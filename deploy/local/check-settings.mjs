import { localSignIn } from './apps.mjs';
import { isGiven } from './environment.mjs';
import { givenAdminUrl, givenRedisUrl } from './given-urls.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';
import { privateCalls } from './sandbox.mjs';
import { asPort } from './stack-ports.mjs';

/**
 * Looks for mistakes in all settings before anything is started: those that the apps read, by their own rules, and those
 * that npm start reads itself.
 * @param {Record<string, string>} given environment and .env
 * @param {Record<string, string>} settings those, with the local defaults
 * @throws {Refusal} that tells all of them at once, without a secret
 */
export async function checkSettings(given, settings) {
  const own = [];
  const attempt = (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      own.push(error.message.replace(/\.$/, ''));
      return undefined;
    }
  };
  attempt(() => givenAdminUrl(given));
  const redisUrl = attempt(() => givenRedisUrl(given));
  for (const name of ['POSTGRES_PORT', 'REDIS_PORT', 'SANDBOX_PORT'])
    if (given[name] !== undefined) attempt(() => asPort(name, given[name]));

  const env = {
    ...settings,
    ...privateCalls(given),
    ...localSignIn(settings),
    DATABASE_URL: 'postgres://localhost/hub', // each app gets its own
    REDIS_URL: redisUrl ?? 'redis://localhost',
  };
  // Defaults that stand on other settings are left to the apps: a wrong PORT is no mistake in PUBLIC_URL as well.
  for (const name of ['PUBLIC_URL', 'SITE_URL']) if (!isGiven(given, name)) delete env[name];
  const answer = await run(process.execPath, [inRoot('deploy/local/find-mistakes.mjs'), ...own], { env });
  if (!answer.ok) throw new Refusal(`The settings could not be checked: ${answer.stderr.trim()}`);
  const mistakes = answer.stdout.trim();
  if (mistakes !== '') throw new Refusal(mistakes);
}
