import type { OrgId } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** Something that falls due, as the narrow functions show it: no token, no metadata. Spans are by the database's clock. */
export interface DueWork {
  /** Of the integration, of the revocation or of the delivery. */
  readonly id: string;
  readonly orgId: OrgId;
  readonly provider: string;
  readonly epoch: number;
  readonly dueAt: Date;
  readonly overdue: boolean;
  /** Milliseconds until it is due, negative once it is overdue. */
  readonly dueInMs: number;
  /** Milliseconds for which somebody is at it; `null` if nobody is. */
  readonly leasedForMs: number | null;
  /** Milliseconds that the access token still lives; `null` where that is not known or plays no part. */
  readonly lifeLeftMs: number | null;
}

export type DueKind = 'refresh' | 'sync' | 'revocation' | 'delivery';

/** What falls due in the order of its time, page by page; and of each provider a share. */
const FUNCTIONS: Record<DueKind, { readonly pages: string; readonly shares: string }> = {
  refresh: { pages: 'hub.due_refreshes', shares: 'hub.due_refresh_shares' },
  sync: { pages: 'hub.due_syncs', shares: 'hub.due_sync_shares' },
  revocation: { pages: 'hub.due_revocations', shares: 'hub.due_revocation_shares' },
  delivery: { pages: 'hub.due_deliveries', shares: 'hub.due_delivery_shares' },
};

interface DueRow {
  id: string;
  org_id: string;
  provider: string;
  epoch: number;
  due_at: Date;
  due_in_ms: number;
  leased_for_ms: number | null;
  life_left_ms: number | null;
  /** `due_at` to the microsecond, which a Date cannot hold: the next page begins just behind it. */
  cursor: string;
}

const FIRST_PAGE = { cursor: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

/** What falls due in any org: the truth behind every queue. */
export class DueRepository {
  constructor(private readonly database: HubDatabase) {}

  /** Work that falls due within the next `withinMs` milliseconds, the earliest first; what is overdue comes along. */
  async due(kind: DueKind, withinMs: number, limit: number): Promise<DueWork[]> {
    return (await this.page(kind, withinMs, limit, FIRST_PAGE)).map(toDueWork);
  }

  /** All of it, page by page. */
  async *duePages(kind: DueKind, withinMs: number, pageSize: number): AsyncGenerator<DueWork[]> {
    let after: Pick<DueRow, 'cursor' | 'id'> | undefined = FIRST_PAGE;
    while (after) {
      const rows: DueRow[] = await this.page(kind, withinMs, pageSize, after);
      if (rows.length > 0) yield rows.map(toDueWork);
      after = rows.length === pageSize ? rows.at(-1) : undefined;
    }
  }

  /**
   * Work that falls due within the next `withinMs` milliseconds, the earliest first, of each provider `share` at most: one
   * with thousands of rows overdue hides nobody. Of refreshes behind an open breaker one is told, beside those that a
   * late grant waits for, and of deliveries those that may be sent, of all receivers alike.
   */
  async shares(kind: DueKind, withinMs: number, share: number): Promise<DueWork[]> {
    const rows = await this.ask(`${FUNCTIONS[kind].shares}(make_interval(secs => $1), $2)`, [withinMs / 1000, share]);
    return rows.map(toDueWork);
  }

  private page(
    kind: DueKind,
    withinMs: number,
    limit: number,
    after: Pick<DueRow, 'cursor' | 'id'>,
  ): Promise<DueRow[]> {
    return this.ask(`${FUNCTIONS[kind].pages}(make_interval(secs => $1), $2, $3, $4)`, [
      withinMs / 1000,
      limit,
      after.cursor,
      after.id,
    ]);
  }

  private ask(due: string, parameters: unknown[]): Promise<DueRow[]> {
    return this.database.asSystem('due scan', (manager) =>
      manager.query(
        `select *, due_at::text as cursor, extract(epoch from due_at - now())::float8 * 1000 as due_in_ms,
           case when leased_until > now() then extract(epoch from leased_until - now())::float8 * 1000 end as leased_for_ms,
           extract(epoch from ends_at - now())::float8 * 1000 as life_left_ms
         from ${due}`,
        parameters,
      ),
    );
  }

  /** Removes flows that ended more than a day ago. */
  async sweepFlows(): Promise<number> {
    return this.database.asSystem(
      'flow sweep',
      async (manager) => (await selectOne<{ swept: number }>(manager, 'select hub.sweep_flows() as swept')).swept,
    );
  }
}

function toDueWork(row: DueRow): DueWork {
  return {
    id: row.id,
    orgId: row.org_id as OrgId,
    provider: row.provider,
    epoch: row.epoch,
    dueAt: row.due_at,
    overdue: row.due_in_ms <= 0,
    dueInMs: row.due_in_ms,
    leasedForMs: row.leased_for_ms,
    lifeLeftMs: row.life_left_ms,
  };
}
