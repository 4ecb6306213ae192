import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { HubDatabase } from './hub-database';

const CONNECT_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;
const GOODBYE_MS = 1_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** An echo comes within milliseconds, or never. */
const ECHO_WITHIN_MS = 5_000;

/** Whom a line leads to, and who hears what comes over it. */
export interface NoticeLineOptions {
  /** Leads to PostgreSQL itself, or to a pooler that keeps a connection for each session. */
  readonly databaseUrl: string;
  /** Shown in `pg_stat_activity`. */
  readonly name: string;
  /** The way by which others notice: each new connection is tried over it. */
  readonly door: HubDatabase;
  /** A name of SQL, in small letters. */
  readonly channel: string;
  /** Anybody who may connect can send anything. */
  readonly hear: (payload: string) => void;
  /** A connection is there, and listens. What it held before is gone with the one before. */
  readonly opened?: () => void;
}

/**
 * A connection that hears the notices of one channel, and is made anew whenever it is lost. It is one of its own that
 * stays: behind a pooler that shares connections between transactions it hears nothing.
 */
export class NoticeLine {
  private readonly triers: ((isHeard: boolean) => void)[] = [];
  private isUnheard = false;
  private echo: { readonly word: string; readonly heard: () => void } | undefined;
  private client: Client | undefined;
  /** The client while it listens. */
  private listening: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isOpen = false;
  private isClosed = false;

  constructor(private readonly options: NoticeLineOptions) {}

  /** Connects, and again whenever the connection is lost. Once is enough. */
  open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    void this.connect();
  }

  /**
   * Calls `tell` once a new connection has been tried, with whether it hears what is noticed. That it does not is told once,
   * also where there is no connection while the door is open.
   */
  whenTried(tell: (isHeard: boolean) => void): void {
    this.triers.push(tell);
  }

  /** Runs a statement on the line itself, for what a session holds. @throws Error without a connection, and what the server says */
  async run(sql: string, parameters: readonly unknown[]): Promise<void> {
    if (!this.listening) throw new Error('there is no connection');
    await this.listening.query(sql, [...parameters]);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const ended = this.client?.end().catch(() => undefined);
    await Promise.race([ended, sleep(GOODBYE_MS, undefined, { ref: false })]); // a line that says nothing any more never ends
  }

  private async connect(): Promise<void> {
    const { databaseUrl, name, channel, opened } = this.options;
    const client = new Client({
      connectionString: databaseUrl,
      application_name: name,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    this.client = client;
    client.on('error', () => undefined); // its end follows
    client.once('end', () => {
      if (this.listening === client) this.listening = undefined;
      this.connectLater();
    });
    client.on('notification', ({ payload }) => this.tell(payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      this.pauseMs = FIRST_PAUSE_MS;
      this.listening = client;
      opened?.();
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

  /** Notices something that tells nothing, as others notice. @returns false while the database is away */
  private notice(echo: string): Promise<boolean> {
    return this.options.door
      .asSystem('a notice to itself, of no org', (manager) =>
        manager.query('select pg_notify($1, $2)', [this.options.channel, JSON.stringify({ echo })]),
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
    if (!this.isClosed) this.options.hear(payload);
  }
}
