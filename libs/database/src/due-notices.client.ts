import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import type { DueKind } from './due.repository';
import type { HubDatabase } from './hub-database';

/** Work that somebody waits for. Ids only: whoever is connected to the database hears it, and what is due the row says. */
export interface DueNotice {
  readonly kind: DueKind;
  readonly id: string;
  readonly orgId: string;
  readonly provider: string;
  readonly epoch: number;
}

const CHANNEL = 'hub_due';
const KINDS: readonly string[] = ['refresh', 'sync', 'revocation', 'delivery'] satisfies DueKind[];
const CONNECT_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;
const GOODBYE_MS = 1_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** An echo comes within milliseconds, or never. */
const ECHO_WITHIN_MS = 5_000;

/** Tells the workers at the end of this transaction that something is due which its caller waits for, also where Redis is away. */
export async function noticeDue(
  manager: EntityManager,
  { kind, id, orgId, provider, epoch }: DueNotice,
): Promise<void> {
  const notice = JSON.stringify({ kind, id, orgId, provider, epoch });
  await manager.query('select pg_notify($1, $2)', [CHANNEL, notice]);
}

/**
 * Hears what others notice as due. It needs a connection of its own that stays: behind a pooler that shares connections
 * between transactions it hears nothing, and the overdue watch finds the rows all the same.
 */
export class DueNotices {
  private readonly hearers: ((notice: DueNotice) => void)[] = [];
  private readonly triers: ((isHeard: boolean) => void)[] = [];
  private isUnheard = false;
  private echo: { readonly word: string; readonly heard: () => void } | undefined;
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isClosed = false;

  /**
   * @param databaseUrl leads to PostgreSQL itself, or to a pooler that keeps a connection for each session
   * @param name shown in `pg_stat_activity`
   * @param door the way by which others notice: each new connection is tried over it
   */
  constructor(
    private readonly databaseUrl: string,
    private readonly name: string,
    private readonly door: HubDatabase,
  ) {}

  /** Calls `hear` for each notice from now on. Connects at the first call, and again whenever the connection is lost. */
  listen(hear: (notice: DueNotice) => void): void {
    this.hearers.push(hear);
    if (this.hearers.length === 1) void this.connect();
  }

  /**
   * Calls `tell` once a new connection has been tried, with whether it hears what is noticed. That it does not is told once,
   * also where there is no connection while the door is open.
   */
  whenTried(tell: (isHeard: boolean) => void): void {
    this.triers.push(tell);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const ended = this.client?.end().catch(() => undefined);
    await Promise.race([ended, sleep(GOODBYE_MS, undefined, { ref: false })]); // a line that says nothing any more never ends
  }

  private async connect(): Promise<void> {
    const client = new Client({
      connectionString: this.databaseUrl,
      application_name: this.name,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    this.client = client;
    client.on('error', () => undefined); // its end follows
    client.once('end', () => this.connectLater());
    client.on('notification', ({ payload }) => this.tell(payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.pauseMs = FIRST_PAUSE_MS;
      void this.tryOut(client);
    } catch {
      client.end().catch(() => undefined);
      this.connectLater();
      if (await this.notice('nobody listens')) this.report(false);
    }
  }

  /** A pooler takes LISTEN without a word, and gives the notices to nobody: only an echo shows that they arrive. */
  private async tryOut(client: Client): Promise<void> {
    const word = randomUUID();
    const echoed = new Promise<true>((resolve) => (this.echo = { word, heard: () => resolve(true) }));
    if (!(await this.notice(word))) return; // the next connection is tried again
    const isHeard = await Promise.race([echoed, sleep(ECHO_WITHIN_MS, false, { ref: false })]);
    if (this.client === client) this.report(isHeard);
  }

  /** Notices something that is no work, as others notice work. @returns false while the database is away */
  private notice(echo: string): Promise<boolean> {
    return this.door
      .asSystem('a notice to itself, of no org', (manager) =>
        manager.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify({ echo })]),
      )
      .then(
        () => true,
        () => false,
      );
  }

  private report(isHeard: boolean): void {
    if (this.isClosed || (this.isUnheard && !isHeard)) return;
    this.isUnheard = !isHeard;
    for (const tell of this.triers) tell(isHeard);
  }

  private connectLater(): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private tell(payload: string): void {
    if (this.echo && payload.includes(this.echo.word)) this.echo.heard();
    const notice = parsed(payload);
    if (notice && !this.isClosed) for (const hear of this.hearers) hear(notice);
  }
}

/** Anybody who may connect can send anything. */
function parsed(payload: string): DueNotice | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  const { kind, id, orgId, provider, epoch } = (value ?? {}) as Record<string, unknown>;
  const isNotice =
    typeof kind === 'string' && KINDS.includes(kind) && [id, orgId, provider].every((text) => typeof text === 'string');
  return isNotice && Number.isSafeInteger(epoch) ? (value as DueNotice) : undefined;
}
