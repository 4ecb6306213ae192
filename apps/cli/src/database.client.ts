import { Mistakes, SettingReader, type Environment } from '@hub/config';
import { HubDatabase, isWithoutRight } from '@hub/database';
import { CommandRefused } from './command';

/** A command line asks one thing after the other. */
const POOL_SIZE = 2;

/** The database's URL. @throws ConfigError if DATABASE_URL is missing or no URL */
export function databaseUrl(environment: Environment): string {
  return postgresUrl(
    environment,
    'DATABASE_URL',
    "the app's own login at PostgreSQL (npm run hub sets it for the local stack)",
  );
}

/**
 * The administrator's URL of the database, for what no app may do.
 *
 * @param why it takes an administrator, for whoever has not set it
 * @throws ConfigError if DATABASE_ADMIN_URL is missing or no URL
 */
export function adminDatabaseUrl(environment: Environment, why: string): string {
  return postgresUrl(environment, 'DATABASE_ADMIN_URL', why);
}

function postgresUrl(environment: Environment, setting: 'DATABASE_URL' | 'DATABASE_ADMIN_URL', hint: string): string {
  const mistakes = new Mistakes();
  const url = new SettingReader(environment, mistakes).connectionUrl(setting, ['postgres:', 'postgresql:'], hint);
  mistakes.throwIfAny();
  return url;
}

/** Whose login has the rights for all that the command line does without an administrator. */
const REFRESH_WORKER = 'the refresh worker’s login';
/** Who may read the trail of every org. */
export const TRAIL_READERS = `${REFRESH_WORKER}, or one that is a member of hub_auditor`;

/**
 * Runs `work` with the database of `DATABASE_URL`.
 *
 * @param needed whose login it takes, for whoever has set another
 * @throws CommandRefused if it cannot be reached, or its login may not do this
 */
export async function withDatabase<T>(
  environment: Environment,
  work: (database: HubDatabase) => Promise<T>,
  needed = REFRESH_WORKER,
): Promise<T> {
  const url = databaseUrl(environment);
  const database = await connect(url);
  try {
    return await work(database);
  } catch (error) {
    throw isWithoutRight(error) ? loginRefused(url, reasonOf(error), needed) : error;
  } finally {
    await database.close();
  }
}

/** The login of `DATABASE_URL` is another than this takes. */
export function loginRefused(url: string, reason: string, needed = REFRESH_WORKER): CommandRefused {
  return new CommandRefused(
    `The login of DATABASE_URL, ${decodeURIComponent(new URL(url).username)}, may not do this (${reason}). It takes ${needed}.`,
  );
}

async function connect(url: string): Promise<HubDatabase> {
  try {
    return await HubDatabase.open(url, 'hub-cli', POOL_SIZE);
  } catch (error) {
    const check = distrusts(error)
      ? 'Name the file of its certificates in DATABASE_URL (sslrootcert), and its host as they name it.'
      : 'Check DATABASE_URL, and that the server runs.';
    throw new CommandRefused(`PostgreSQL refuses: ${reasonOf(error)}. ${check}`);
  }
}

/** Whether somebody answered whose certificate is not to be trusted, as Node's codes for TLS tell it. */
export function distrusts(error: unknown): boolean {
  const codes = [error, ...(error instanceof AggregateError ? (error.errors as unknown[]) : [])].map(
    (one) => (one as { code?: unknown }).code,
  );
  return codes.some((code) => typeof code === 'string' && /CERT|ALTNAME|UNABLE_TO_VERIFY/.test(code));
}

/** Why a server could not be reached, in its own words; a password stands in none of them. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]); // one for each address
  return error instanceof Error && error.message !== '' ? error.message : String((error as { code?: unknown }).code);
}
