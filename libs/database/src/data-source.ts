import 'reflect-metadata';
import { Client, types } from 'pg';
import { DataSource } from 'typeorm';
import { ENTITIES } from './entities';
import { MIGRATIONS } from './migrations';

const INT8 = 20;
// sequence numbers and epochs stay far below 2^53; as text they would compare wrongly
types.setTypeParser(INT8, Number);

/** Connections of an app's pool; callers wait for one rather than pile onto the server. */
const POOL_SIZE = 10;
/**
 * What the server itself ends, in milliseconds: statements, and transactions in which nothing comes any more. The apps
 * send these at their start; logins have them as well (provision.ts), for poolers that drop what an app sends then.
 */
export const SERVER_TIMEOUTS = { statement_timeout: 10_000, idle_in_transaction_session_timeout: 10_000 } as const;
/** A server that is there ends a statement itself; beyond that the line is dead, however long TCP would wait. */
const ANSWER_TIMEOUT_MS = 12_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Connections that only settle refreshes: what a provider has granted waits behind no claim and no look. */
const SETTLE_POOL_SIZE = 4;

/** What pg says of an answer that did not come within `query_timeout`. */
const NO_ANSWER = 'Query read timeout';

/**
 * A connection that is given up once an answer has not come in time. pg would put it back into the pool, where it is the
 * first to be taken again: each later query would wait as long in vain, until TCP gives up after a quarter of an hour.
 */
class ImpatientClient extends Client {
  override query(...args: unknown[]): never {
    const answer = (super.query as (...all: unknown[]) => unknown).apply(this, args);
    if (answer instanceof Promise)
      answer.catch((error: Error) => {
        if (error.message === NO_ANSWER) (this as unknown as WithConnection).connection.emit('error', error);
      });
    return answer as never;
  }
}

/** The part of pg's client that its types leave out. An error of its connection ends it, and no pool lends it any more. */
interface WithConnection {
  readonly connection: { emit(event: 'error', error: Error): void };
}

/**
 * The app's database. Initialise it before use, destroy it at the end.
 *
 * @param url  the app's own login
 * @param name shown in `pg_stat_activity`
 */
export function appDataSource(url: string, name: string, poolSize = POOL_SIZE): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities: ENTITIES,
    synchronize: false,
    logging: false,
    poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: {
      ...SERVER_TIMEOUTS,
      query_timeout: ANSWER_TIMEOUT_MS,
      Client: ImpatientClient,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      min: 1, // one stays open, and tells of an outage by breaking
    },
  });
}

/** The same database once more, for settling alone. */
export function settleDataSource(url: string, name: string): DataSource {
  return appDataSource(url, `${name}-settle`, SETTLE_POOL_SIZE);
}

/** The database as its owner, for migrations only. */
export function migrationDataSource(adminUrl: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url: adminUrl,
    applicationName: 'hub-migrate',
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTableName: 'hub_migrations',
    synchronize: false,
    logging: false,
    poolSize: 1,
    extra: { options: '-c role=hub_owner' },
  });
}
