import './node-version.mjs';
import { asLogin, givenDatabase, localDefaults, mainOf, redisPrefix } from './apps.mjs';
import { ensureBuilt } from './compile.mjs';
import { dataDirOf, hubEnvironment, setting } from './environment.mjs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';
import { adminUrl } from './postgres.mjs';
import { loginsFor } from './provision.mjs';
import { redisUrl } from './redis.mjs';
import { runInOurPlace } from './run.mjs';
import { keptSettings } from './settings.mjs';

await runMain(async () => {
  // The command line's own output is all that stdout may hold: it is made to be piped on.
  const say = console.error;
  await ensureInstalled({ say, quiet: true });
  await ensureBuilt({ say });
  const given = hubEnvironment();
  const env = commandEnvironment(given, await keptSettings(dataDirOf(given)));
  return runInOurPlace(process.execPath, [mainOf('cli'), ...process.argv.slice(2)], { env });
});

/** What the stack on this data folder runs with, whether or not it runs now. */
function commandEnvironment(given, kept) {
  const env = localDefaults(given, kept, dataDirOf(given));
  const database = givenDatabase(given) ?? ownDatabase(kept);
  if (database) {
    env.DATABASE_ADMIN_URL = database;
    env.DATABASE_URL = asLogin(database, loginsFor(database, kept.DATABASE_PASSWORDS).worker);
    env.REDIS_PREFIX ??= redisPrefix(database);
  }
  const redis = setting(given, 'REDIS_URL') ?? ownRedis(kept);
  if (redis) env.REDIS_URL = redis;
  return env;
}

function ownDatabase({ POSTGRES_PORT: port, POSTGRES_PASSWORD: password }) {
  return port && adminUrl({ port, password, database: 'hub' });
}

function ownRedis({ REDIS_PORT: port, REDIS_PASSWORD: password }) {
  return port && redisUrl({ port, password });
}
