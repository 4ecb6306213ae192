import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';

/**
 * @typedef {{ user: string, password: string }} Login
 * @typedef {{ gateway: Login, refreshWorker: Login, syncWorker: Login, deliveryWorker: Login }} Logins
 */

/**
 * Makes a database ready for the apps: it exists, with roles, logins and all migrations. Runs in a process of its own,
 * so that nothing of dist/ is loaded into one that lives longer than a build.
 * @param {{ adminUrl: string, logins: Logins }} options
 * @returns {Promise<string>} what was done, in one line
 */
export async function provision({ adminUrl, logins }) {
  const answer = await run(process.execPath, [inRoot('deploy/local/migrate.mjs')], {
    env: { ...process.env, DATABASE_ADMIN_URL: adminUrl, HUB_DATABASE_LOGINS: JSON.stringify(logins) },
  });
  if (!answer.ok)
    throw new Refusal(answer.stderr.trim() || `The migration was ended by ${answer.signal}: run the command again.`);
  return answer.stdout.trim();
}

/**
 * The logins' names for one database: roles belong to the whole server, and several stacks may share it.
 * @param {string} adminUrl
 * @param {Record<keyof Logins, string>} passwords
 * @returns {Logins}
 */
export function loginsFor(adminUrl, passwords) {
  const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1));
  const name = (app) => `hub_${app}_${database.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
  return {
    gateway: { user: name('gateway'), password: passwords.gateway },
    refreshWorker: { user: name('refresh_worker'), password: passwords.refreshWorker },
    syncWorker: { user: name('sync_worker'), password: passwords.syncWorker },
    deliveryWorker: { user: name('delivery_worker'), password: passwords.deliveryWorker },
  };
}
