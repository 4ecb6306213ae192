import { asLogin, databaseOf, localDefaults, redisPrefix } from './apps.mjs';
import { isGiven, setting } from './environment.mjs';
import { givenAdminUrl } from './given-urls.mjs';
import { adminUrl } from './postgres.mjs';
import { loginsFor } from './provision.mjs';
import { redisUrl } from './redis.mjs';

/**
 * What the operators' commands run with: the settings of the stack on this data folder, whether or not it runs now.
 * @param {Record<string, string>} given environment and .env
 * @param {import('./settings.mjs').Settings} kept
 * @param {string} dataDir
 * @returns {Record<string, string>}
 * @throws {import('./refusal.mjs').Refusal} if DATABASE_ADMIN_URL is no URL of a database
 */
export function commandEnvironment(given, kept, dataDir) {
  const env = localDefaults(given, kept, dataDir);
  const isOwn = isAppsOwn(given, kept);
  if (isGiven(given, 'DATABASE_ADMIN_URL')) env.DATABASE_ADMIN_URL = givenAdminUrl(given);
  const database = isOwn ? undefined : (givenAdminUrl(given) ?? ownDatabase(kept));
  if (database) {
    env.DATABASE_ADMIN_URL = database;
    env.DATABASE_URL = asLogin(database, loginsFor(database, kept.DATABASE_PASSWORDS).refreshWorker);
    env.REDIS_PREFIX ??= redisPrefix(database);
  }
  const redis = setting(given, 'REDIS_URL') ?? ownRedis(kept);
  if (redis) env.REDIS_URL = redis;
  return env;
}

/** Whether DATABASE_URL is a login of the apps as it stands: npm start has made no logins in that database. */
function isAppsOwn(given, { DATABASES_WITH_LOGINS: made = [] }) {
  if (!isGiven(given, 'DATABASE_URL')) return false;
  const url = isGiven(given, 'DATABASE_ADMIN_URL') ? givenAdminUrl(given) : setting(given, 'DATABASE_URL');
  return !URL.canParse(url) || !made.includes(databaseOf(url)); // a wrong URL is the command's to complain about
}

function ownDatabase({ POSTGRES_PORT: port, POSTGRES_PASSWORD: password }) {
  return port && adminUrl({ port, password, database: 'hub' });
}

function ownRedis({ REDIS_PORT: port, REDIS_PASSWORD: password }) {
  return port && redisUrl({ port, password });
}
