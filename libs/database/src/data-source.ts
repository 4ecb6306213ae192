import 'reflect-metadata';
import { Client, types, type ClientConfig } from 'pg';
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
export type ServerTimeouts = Readonly<Record<keyof typeof SERVER_TIMEOUTS, number>>;
/** A server that is there ends a statement itself; beyond that the line is dead, however long TCP would wait. */
const ANSWER_TIMEOUT_MS = 12_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Connections that only settle refreshes: what a provider has granted waits behind no claim and no look. */
const SETTLE_POOL_SIZE = 4;
/**
 * The same where a refresh is settled, in milliseconds: a try whose line is dead leaves the row to the next one well before
 * the shortest lease of a refresh is over (4 s, libs/domain). What is merely slow is tried again, without harm.
 */
export const SETTLE_SERVER_TIMEOUTS: ServerTimeouts = {
  statement_timeout: 1_500,
  idle_in_transaction_session_timeout: 1_500,
};
const SETTLE_ANSWER_TIMEOUT_MS = 2_000;
const SETTLE_CONNECT_TIMEOUT_MS = 2_500;

/** What pg says of an answer that did not come within `query_timeout`. */
export const NO_ANSWER = 'Query read timeout';

/**
 * A connection that is given up once an answer has not come in time. pg would put it back into the pool, where it is the
 * first to be taken again: each later query would wait as long in vain, until TCP gives up after a quarter of an hour.
 * With it go those that stand idle and have not been heard since the question: what silences one (a NAT that forgot, a
 * server that was lost) silences mostly all, and the next try would wait on each of them.
 */
class ImpatientClient extends Client {
  private heardMs = 0;
  private unanswered = 0;

  /** @param standing the connected clients of its pool, itself among them */
  constructor(
    private readonly standing: Set<ImpatientClient>,
    config?: ClientConfig,
  ) {
    super(config);
    // one that stands and is ended in the same breath is lent already, and its borrower listens a turn later: nobody heard
    // of the end, which ended the process. Whoever asks it hears the same by his question.
    this.on('error', () => undefined);
    this.once('connect', () => {
      this.heardMs = performance.now();
      standing.add(this);
    });
    this.once('end', () => standing.delete(this));
  }

  override query(...args: unknown[]): never {
    const askedMs = performance.now();
    const answer = (super.query as (...all: unknown[]) => unknown).apply(this, args);
    if (answer instanceof Promise) {
      this.unanswered += 1;
      answer.then(
        () => this.hear(),
        (error: Error) => (error.message === NO_ANSWER ? this.giveUp(error, askedMs) : this.hear()),
      );
    }
    return answer as never;
  }

  private hear(): void {
    this.unanswered -= 1;
    this.heardMs = performance.now();
  }

  private giveUp(error: Error, askedMs: number): void {
    this.cut(error);
    for (const other of this.standing) if (other.unanswered === 0 && other.heardMs < askedMs) other.cut(error);
  }

  private cut(error: Error): void {
    this.standing.delete(this);
    (this as unknown as WithConnection).connection.emit('error', error);
  }
}

/** The part of pg's client that its types leave out. An error of its connection ends it, and no pool lends it any more. */
interface WithConnection {
  readonly connection: { emit(event: 'error', error: Error): void };
}

/** The clients of one pool. */
function impatientClients(): new (config?: ClientConfig) => Client {
  const standing = new Set<ImpatientClient>();
  return class extends ImpatientClient {
    constructor(config?: ClientConfig) {
      super(standing, config);
    }
  };
}

/** How many connections an app has, and for how long each is waited for. */
interface PoolManner {
  readonly size: number;
  readonly connectMs: number;
  readonly answerMs: number;
  readonly server: ServerTimeouts;
}

/**
 * The app's database. Initialise it before use, destroy it at the end.
 *
 * @param url  the app's own login
 * @param name shown in `pg_stat_activity`
 */
export function appDataSource(url: string, name: string, poolSize = POOL_SIZE): DataSource {
  return pooled(url, name, {
    size: poolSize,
    connectMs: CONNECT_TIMEOUT_MS,
    answerMs: ANSWER_TIMEOUT_MS,
    server: SERVER_TIMEOUTS,
  });
}

/** The same database once more, for settling alone: whatever it asks is answered soon, or its connection given up. */
export function settleDataSource(url: string, name: string): DataSource {
  return pooled(url, `${name}-settle`, {
    size: SETTLE_POOL_SIZE,
    connectMs: SETTLE_CONNECT_TIMEOUT_MS,
    answerMs: SETTLE_ANSWER_TIMEOUT_MS,
    server: SETTLE_SERVER_TIMEOUTS,
  });
}

/** The same database once more, for figures of all orgs alone: one connection, whose slow looks hold up nothing else. */
export function figuresDataSource(url: string, name: string): DataSource {
  return pooled(url, `${name}-figures`, {
    size: 1,
    connectMs: CONNECT_TIMEOUT_MS,
    answerMs: ANSWER_TIMEOUT_MS,
    server: SERVER_TIMEOUTS,
  });
}

function pooled(url: string, name: string, { size, connectMs, answerMs, server }: PoolManner): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    applicationName: name,
    entities: ENTITIES,
    synchronize: false,
    logging: false,
    poolSize: size,
    connectTimeoutMS: connectMs,
    extra: {
      ...server,
      query_timeout: answerMs,
      Client: impatientClients(),
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      min: 1, // one stays open, and tells of an outage by breaking
    },
  });
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
