// Ends once the database of DATABASE_URL has every migration that this image knows. New pods wait so for the migration
// of their release while old ones work on. A schema that is ahead of the image is no reason to wait.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import database from '../../dist/libs/database/src/index.js';
import { setting } from './setting.mjs';

const PAUSE_MS = 2_000;
const SAY_EVERY_MS = 30_000;
/** PostgreSQL's words for: there is no such table, the login may not read it, there is no such login yet, nor database. */
const NOT_PROVISIONED = ['42P01', '42501', '28000', '28P01', '3D000'];

let url;
try {
  url = setting('DATABASE_URL');
  if (!url) throw new Error('Set DATABASE_URL to the database that shall be waited for.');
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));
let told = 0;
for (;;) {
  const reason = await whatIsMissing();
  if (reason === undefined) break;
  if (Date.now() - told >= SAY_EVERY_MS) {
    console.log(`Waiting for the database: ${reason}.`);
    told = Date.now();
  }
  await sleep(PAUSE_MS);
}
console.log('The database has the schema of this release.');

/** @returns {Promise<string | undefined>} why the apps cannot start yet, without anything secret */
async function whatIsMissing() {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  client.on('error', () => undefined); // the query that it breaks tells it
  try {
    await client.connect();
    const { rows } = await client.query('select name from public.hub_migrations');
    const ran = new Set(rows.map(({ name }) => name));
    const missing = database.MIGRATIONS.filter(({ name }) => !ran.has(name));
    return missing.length === 0 ? undefined : `${missing.length} migrations of this release have not run`;
  } catch (error) {
    const { code } = error;
    return NOT_PROVISIONED.includes(code)
      ? `it is not migrated yet, or refuses the login (${code})`
      : `${code ?? 'it does not answer'}`;
  } finally {
    await client.end().catch(() => undefined); // it may never have been there
  }
}
