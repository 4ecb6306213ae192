import type { OrgId } from '@hub/domain';
import { DatabaseError, type Pool } from 'pg';
import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { appDataSource, type ServerTimeouts } from './data-source';
import { DatabaseBusy, isOfFullPool } from './database-busy';
import { isOfForgottenOrg, OrgForgotten } from './org-forgotten';
import { countAppended } from './trail-metrics';

/** Classes of SQLSTATE by which a server says that it cannot serve now: connection, resources, an operator's hand. */
const CANNOT_SERVE = /^(08|53|57)/;
/** A door that opens only after so long was closed for a while. */
const SLOW_MS = 2_000;

/** Binds the transaction to an org, and tells which server this is: it began at a moment when no other did. */
const OPEN =
  "select set_config('hub.org_id', $1, true), extract(epoch from pg_postmaster_start_time())::text as server";
/** The same where a transaction has times of its own: also behind a pooler that drops what an app sends at its start. */
const OPEN_WITHIN = `${OPEN}, set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true)`;

/**
 * The two doors to the data. Row-level security sees the org of the running transaction and nothing else, so nobody
 * queries the data source itself (lint holds it).
 */
export class HubDatabase {
  /** Of the first answer after the last trouble, by `performance.now()`. */
  private answeringSinceMs = -Infinity;
  private isTroubled = false;
  private troublesSeen = 0;
  private server: string | undefined;

  /** @param timeouts what the server ends in a transaction here; without it, what the data source and the login say */
  constructor(
    readonly dataSource: DataSource,
    private readonly timeouts?: ServerTimeouts,
  ) {
    // an idle connection has broken: there is always one (data-source.ts), so that no outage goes unnoticed
    (dataSource.driver as { master?: Pool }).master?.on('error', () => this.noteTrouble());
  }

  /**
   * Connects as an app's own login.
   *
   * @param name shown in `pg_stat_activity`
   */
  static async open(url: string, name: string, poolSize?: number): Promise<HubDatabase> {
    return new HubDatabase(await appDataSource(url, name, poolSize).initialize());
  }

  /** For how long the database has answered without a break, in milliseconds, as far as this process has seen; `Infinity`: always. */
  get answeringForMs(): number {
    return this.isTroubled ? 0 : performance.now() - this.answeringSinceMs;
  }

  /** How often the database was away, as far as this process has seen: behind each time another one may answer. */
  get troubles(): number {
    return this.troublesSeen;
  }

  /** Whether the database is away, or has been since so many troubles: what failed meanwhile may have failed for that. */
  wasAwaySince(troubles: number): boolean {
    return this.answeringForMs === 0 || this.troubles > troubles;
  }

  /**
   * Runs `work` in one transaction bound to an org. Never call a provider inside: it would hold a connection across HTTP.
   *
   * @throws OrgForgotten if a row is to be stored for an org that is forgotten
   * @throws DatabaseBusy if no connection of the pool came free in time: nothing was done
   */
  async withOrg<T>(orgId: OrgId, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    let isOpen = false;
    try {
      const { done, manager: bound } = await this.dataSource.transaction(async (manager) => {
        const opened = await this.bind(manager, orgId);
        isOpen = true;
        this.noteServer(opened?.server);
        this.noteAnswer(startedMs);
        return { done: await work(manager), manager };
      });
      countAppended(bound);
      return done;
    } catch (error) {
      if (isOutage(error, isOpen)) this.noteTrouble();
      throw isOfForgottenOrg(error) ? new OrgForgotten(orgId, { cause: error }) : asBusy(error);
    }
  }

  /**
   * Runs `work` outside any org: it sees no row of any table with orgs, only what the narrow functions of schema `hub` give.
   *
   * @param _reason why this crosses orgs, for whoever reads the call
   * @throws DatabaseBusy if no connection of the pool came free in time
   */
  async asSystem<T>(_reason: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      const found = await work(this.dataSource.manager);
      this.noteAnswer(startedMs);
      return found;
    } catch (error) {
      if (isOutage(error, false)) this.noteTrouble();
      throw asBusy(error);
    }
  }

  /** Lets go of every connection. */
  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  private async bind(manager: EntityManager, orgId: OrgId): Promise<{ server: string } | undefined> {
    const { timeouts } = this;
    const [opened]: { server: string }[] = timeouts
      ? await manager.query(OPEN_WITHIN, [
          orgId,
          String(timeouts.statement_timeout),
          String(timeouts.idle_in_transaction_session_timeout),
        ])
      : await manager.query(OPEN, [orgId]);
    return opened;
  }

  /** Behind a pooler no connection of ours breaks with the server's: another server shows by what it says of itself. */
  private noteServer(server: string | undefined): void {
    if (this.server !== undefined && this.server !== server) this.noteTrouble();
    this.server = server;
  }

  private noteAnswer(startedMs: number): void {
    const nowMs = performance.now();
    if (this.isTroubled || nowMs - startedMs > SLOW_MS) this.answeringSinceMs = nowMs;
    this.isTroubled = false;
  }

  private noteTrouble(): void {
    if (!this.isTroubled) this.troublesSeen += 1;
    this.isTroubled = true;
  }
}

function asBusy(error: unknown): unknown {
  return isOfFullPool(error) ? new DatabaseBusy({ cause: error }) : error;
}

/**
 * True unless the server itself has answered, if only by an error, or was not asked since all connections are lent. If it
 * is away meanwhile, those who have lent them say so.
 *
 * @param isOpen whether the door was open by then: what is thrown behind it without being a query's is no word about the database
 */
function isOutage(error: unknown, isOpen: boolean): boolean {
  if (error instanceof DatabaseBusy || isOfFullPool(error)) return false;
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  if (cause instanceof DatabaseError) return CANNOT_SERVE.test(cause.code ?? '');
  return error instanceof QueryFailedError || !isOpen;
}
