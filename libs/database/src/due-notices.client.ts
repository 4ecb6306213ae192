import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import type { DueKind } from './due.repository';

/** Work that somebody waits for. Ids only: whoever is connected to the database hears it, and what is due the row says. */
export interface DueNotice {
  readonly kind: DueKind;
  readonly id: string;
  readonly orgId: string;
  readonly provider: string;
  readonly epoch: number;
}

const CHANNEL = 'hub_due';
const KINDS: readonly string[] = ['refresh', 'sync', 'revocation'] satisfies DueKind[];
const CONNECT_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;
const GOODBYE_MS = 1_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

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
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isClosed = false;

  /** @param name shown in `pg_stat_activity` */
  constructor(
    private readonly databaseUrl: string,
    private readonly name: string,
  ) {}

  /** Calls `hear` for each notice from now on. Connects at the first call, and again whenever the connection is lost. */
  listen(hear: (notice: DueNotice) => void): void {
    this.hearers.push(hear);
    if (this.hearers.length === 1) void this.connect();
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
    } catch {
      client.end().catch(() => undefined);
      this.connectLater();
    }
  }

  private connectLater(): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private tell(payload: string): void {
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
