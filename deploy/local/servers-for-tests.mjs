import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Child } from './child.mjs';
import { Guard } from './guard.mjs';
import { provision } from './provision.mjs';
import { drawPort } from './ports.mjs';
import { adminUrl, portWasTaken, preparePostgres, whyNoPostgres } from './postgres.mjs';
import { prepareRedis, redisUrl, whyNoRedis } from './redis.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { placeForPostgres } from './server-place.mjs';

export const TEMPLATE = 'hub_template';
const PORT_TRIES = 3;
// A crash of the machine may cost a test's database, so nothing waits for the disk.
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 300 };

/**
 * @typedef {object} TestServers
 * @property {string} adminUrl the superuser's URL, with the database `postgres`
 * @property {string} template name of a migrated database to clone
 * @property {string} redisUrl
 * @property {import('./provision.mjs').Logins} logins
 * @property {() => Promise<void>} stop stops both and removes their data
 */

/**
 * Starts a PostgreSQL and a Redis of their own on free ports, with a migrated template database. They and their data
 * end with this process, however it ends.
 * @param {{ durable?: boolean, settings?: Record<string, string | number>, redisMode?: string }} [options]
 *   durable: writes wait for the disk as in real life, for figures that shall mean something
 * @returns {Promise<TestServers>}
 */
export async function startTestServers({
  durable = false,
  settings = {},
  redisMode = process.env.HUB_REDIS_MODE,
} = {}) {
  const guard = new Guard();
  const folder = makeFolder(guard);
  const passwords = { postgres: secret(), redis: secret() };
  const children = [];
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    await guard.close(); // which removes the folder
  };
  const onFreePort = (prepare, whyNot) => startOnFreePort({ prepare, whyNot, guard, children });

  try {
    const postgresFolder = placeForPostgres(folder);
    if (path.dirname(postgresFolder) !== folder) guard.removeAtEnd(path.dirname(postgresFolder));
    const [postgresPort, redisPort] = await Promise.all([
      onFreePort(
        (port) =>
          preparePostgres({
            folder: postgresFolder,
            port,
            password: passwords.postgres,
            lasting: durable,
            settings: { ...(durable ? { max_connections: 300 } : FAST), ...settings },
          }),
        (lines, port) => whyNoPostgres(lines, { folder: postgresFolder, port }),
      ),
      onFreePort(
        (port) =>
          prepareRedis({
            folder: path.join(folder, 'redis'),
            cacheFolder: inRoot('.cache'),
            port,
            password: passwords.redis,
            lasting: durable,
            mode: redisMode,
          }),
        (lines, port) => whyNoRedis(lines, { folder, port }),
      ),
    ]);
    const logins = {
      gateway: { user: 'hub_gateway_test', password: secret() },
      refreshWorker: { user: 'hub_refresh_worker_test', password: secret() },
      syncWorker: { user: 'hub_sync_worker_test', password: secret() },
      deliveryWorker: { user: 'hub_delivery_worker_test', password: secret() },
    };
    const at = { port: postgresPort, password: passwords.postgres };
    await provision({ adminUrl: adminUrl({ ...at, database: TEMPLATE }), logins });
    return {
      adminUrl: adminUrl({ ...at, database: 'postgres' }),
      template: TEMPLATE,
      redisUrl: redisUrl({ port: redisPort, password: passwords.redis }),
      logins,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const secret = () => randomBytes(24).toString('base64url');

function makeFolder(guard) {
  const parent = inRoot('.hub-test');
  fs.mkdirSync(parent, { recursive: true });
  const folder = fs.mkdtempSync(path.join(parent, `${process.pid}-`));
  fs.chmodSync(folder, 0o711); // as root, PostgreSQL's user passes through
  guard.removeAtEnd(folder);
  return folder;
}

/** Somebody may take a free port before the server does: then another one is drawn. */
async function startOnFreePort({ prepare, whyNot, guard, children }) {
  for (let tries = 1; ; tries += 1) {
    const port = await drawPort();
    const spec = await prepare(port);
    await spec.beforeStart?.();
    const child = new Child(spec, { guard });
    children.push(child);
    const outcome = await child.becomesReady();
    if (outcome.ready) return port;
    await child.stop();
    if (tries === PORT_TRIES || !portWasTaken(child.tail)) throw new Refusal(whyNot(child.tail, port));
  }
}
