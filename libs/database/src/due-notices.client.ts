import type { EntityManager } from 'typeorm';
import type { DueKind } from './due.repository';
import type { HubDatabase } from './hub-database';
import { NoticeLine } from './notice-line.client';

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

/** Tells the workers at the end of this transaction that something is due which its caller waits for, also where Redis is away. */
export async function noticeDue(
  manager: EntityManager,
  { kind, id, orgId, provider, epoch }: DueNotice,
): Promise<void> {
  const notice = JSON.stringify({ kind, id, orgId, provider, epoch });
  await manager.query('select pg_notify($1, $2)', [CHANNEL, notice]);
}

/** Hears what others notice as due, over a line of its own. Where it hears nothing, the overdue watch finds the rows all the same. */
export class DueNotices {
  private readonly hearers: ((notice: DueNotice) => void)[] = [];
  private readonly line: NoticeLine;

  /**
   * @param databaseUrl leads to PostgreSQL itself, or to a pooler that keeps a connection for each session
   * @param name shown in `pg_stat_activity`
   * @param door the way by which others notice: each new connection is tried over it
   */
  constructor(databaseUrl: string, name: string, door: HubDatabase) {
    this.line = new NoticeLine({ databaseUrl, name, door, channel: CHANNEL, hear: (payload) => this.tell(payload) });
  }

  /** Calls `hear` for each notice from now on. Connects at the first call, and again whenever the connection is lost. */
  listen(hear: (notice: DueNotice) => void): void {
    this.hearers.push(hear);
    this.line.open();
  }

  /**
   * Calls `tell` once a new connection has been tried, with whether it hears what is noticed. That it does not is told once,
   * also where there is no connection while the door is open.
   */
  whenTried(tell: (isHeard: boolean) => void): void {
    this.line.whenTried(tell);
  }

  async close(): Promise<void> {
    await this.line.close();
  }

  private tell(payload: string): void {
    const notice = parsed(payload);
    if (notice) for (const hear of this.hearers) hear(notice);
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
