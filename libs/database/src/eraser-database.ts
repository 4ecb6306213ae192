import { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** The role that may destroy keys; no app's login is a member. */
const ERASER = 'hub_eraser';
/** A command line does one thing after the other. */
const POOL_SIZE = 2;

/**
 * Connects as `hub_eraser`.
 *
 * @param adminUrl a login that may become it: the administrator's, or a member of `hub_migrator`
 * @param name shown in `pg_stat_activity`
 * @throws Error if it has not become that, since a pooler on the way has dropped the wish
 */
export async function openAsEraser(adminUrl: string, name: string): Promise<HubDatabase> {
  const url = new URL(adminUrl);
  url.searchParams.set('options', `-c role=${ERASER}`);
  const database = await HubDatabase.open(url.href, name, POOL_SIZE);
  try {
    await requireEraser(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** Statements of whoever erases name no org: one bound by no policy, such as a superuser, would mean all orgs at once. */
async function requireEraser(database: HubDatabase): Promise<void> {
  const { role } = await database.asSystem('whose rights this session has', (manager) =>
    selectOne<{ role: string }>(manager, 'select current_user as role'),
  );
  if (role !== ERASER)
    throw new Error(`this session is ${role} and not ${ERASER}; give PostgreSQL’s own address, not a pooler’s`);
}
