import { setTimeout as sleep } from 'node:timers/promises';
import type { HubLogger } from '@hub/telemetry';
import type { HubDatabase } from './hub-database';
import { MIGRATIONS } from './migrations';

const NO_TABLE = '42P01';
const NO_RIGHT = '42501';
const LOOK_EVERY_MS = 2_000;
/** Looks between two records. */
const TELL_EVERY = 30;

/**
 * The migrations of this release that the database lacks, by name, in their order. One that this release does not know is
 * no matter: a newer release only adds (docs/upgrading.md).
 *
 * @returns `null` if the login may not see which ran
 */
export async function missingMigrations(database: HubDatabase): Promise<string[] | null> {
  const expected = MIGRATIONS.map(({ name }) => name);
  try {
    const rows = await database.asSystem('schema version', (manager) =>
      manager.query<{ name: string }[]>('select name from public.hub_migrations'),
    );
    const ran = new Set(rows.map(({ name }) => name));
    return expected.filter((name) => !ran.has(name));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === NO_TABLE) return expected;
    if (code === NO_RIGHT) return null;
    throw error;
  }
}

/**
 * Comes back once the schema of this release is there: pods of a release may start before its migrations have run. It is
 * told at once, and every minute.
 *
 * @throws what the database answers otherwise
 */
export async function awaitSchema(database: HubDatabase, logger: HubLogger): Promise<void> {
  for (let looks = 0; ; looks += 1) {
    const missing = await missingMigrations(database);
    if (missing === null)
      logger.warning('hub.schema.unseen', { fix: 'run npm run migrate once, which grants the right' });
    if (missing === null || missing.length === 0) return;
    if (looks % TELL_EVERY === 0)
      logger.warning('hub.schema.awaited', { missing: missing.length, first: missing[0], fix: 'run npm run migrate' });
    await sleep(LOOK_EVERY_MS);
  }
}
