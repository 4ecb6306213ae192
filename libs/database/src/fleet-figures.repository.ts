import { RUNGS, type OrgId, type Status } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** Most integrations whose ids are told. */
const WORST = 100;

/** All integrations at one provider, as alerts need them. Spans are in seconds, by the database's clock. */
export interface ProviderFigures {
  readonly provider: string;
  readonly byStatus: Readonly<Record<Status, number>>;
  /** Without a valid token, though no person has to mend that. */
  readonly lapsed: number;
  /** By failed refreshes in a row. */
  readonly byStreak: Readonly<Record<'1' | '2' | '3' | 'gt3', number>>;
  /** The largest part of the time between due and end that has gone by; 0: nothing is due. */
  readonly windowElapsed: number;
  /** Life of the token that ends next, negative once it has ended; `null`: none has a known end. */
  readonly minRemaining: number | null;
  /** Since the last good sync of whoever waits longest. */
  readonly syncStaleness: number;
  /** Whose last good sync is older than two intervals. */
  readonly syncOverdue: number;
  readonly deadLetters: Readonly<Record<'refresh' | 'sync' | 'revocation', number>>;
  /** For how long work that nobody is at has been due. */
  readonly oldest: Readonly<Record<'refresh' | 'sync' | 'revocation', number>>;
  /** Age of the oldest grant on its way back to its provider. */
  readonly oldestGrant: number;
}

/** An integration whose refreshes have failed more than three times in a row. */
export interface FailingStreak {
  readonly id: string;
  readonly orgId: OrgId;
  readonly provider: string;
  readonly failures: number;
}

/** Everything that is told of all orgs together, and who fails longest. */
export interface FleetFigures {
  readonly providers: readonly ProviderFigures[];
  /** At most 100, the longest streaks first. */
  readonly worst: readonly FailingStreak[];
  /** Orgs whose keys are being rotated: not yet begun, sealing anew, waiting for the old key to retire. */
  readonly rotations: Readonly<Record<'waiting' | 'resealing' | 'retiring', number>>;
}

interface FiguresRow {
  provider: string;
  connected: number;
  refresh_failing: number;
  reauth_required: number;
  lapsed: number;
  streak_1: number;
  streak_2: number;
  streak_3: number;
  streak_gt3: number;
  window_elapsed: number;
  min_remaining: number | null;
  sync_staleness: number;
  sync_overdue: number;
  dead_refreshes: number;
  dead_syncs: number;
  dead_revocations: number;
  oldest_refresh: number;
  oldest_sync: number;
  oldest_revocation: number;
  oldest_grant: number;
}

/** What gauges tell of all orgs, by narrow functions that show ids of the worst alone. */
export class FleetFiguresRepository {
  private door: Promise<HubDatabase> | undefined;

  /** @param open a door of its own, opened by the first look: a slow one is no word about the door that refreshes go through */
  constructor(private readonly open: () => Promise<HubDatabase>) {}

  /**
   * Looks once, which reads the table of integrations once: on 100 000 of them 25 600 pages, as long as counting the rows.
   * No index: one that covers all columns halves that on a table that was just vacuumed, is passed over once a third of the
   * rows has been written since, and makes each refresh write half as much again.
   *
   * @param syncEveryMs the usual interval between syncs
   * @throws what an outage of the database causes, within some seconds
   */
  async read(syncEveryMs: number): Promise<FleetFigures> {
    const database = await this.database();
    return database.asSystem('gauges of all orgs together', async (manager) => {
      const rows = await manager.query<FiguresRow[]>('select * from hub.fleet_figures($1, make_interval(secs => $2))', [
        RUNGS,
        syncEveryMs / 1000,
      ]);
      const isAnyFailing = rows.some((row) => row.streak_gt3 > 0);
      const worst = isAnyFailing
        ? await manager.query<FailingStreak[]>(
            'select id, org_id as "orgId", provider, failures from hub.worst_streaks($1)',
            [WORST],
          )
        : [];
      const rotations = await selectOne<FleetFigures['rotations']>(
        manager,
        'select waiting, resealing, retiring from hub.rotation_progress(null)',
      );
      return { providers: rows.map(toFigures), worst, rotations };
    });
  }

  /** Lets go of the door, if it was ever opened. */
  async close(): Promise<void> {
    const database = await this.door;
    await database?.close();
  }

  private database(): Promise<HubDatabase> {
    this.door ??= this.open().catch((error: unknown) => {
      this.door = undefined;
      throw error;
    });
    return this.door;
  }
}

function toFigures(row: FiguresRow): ProviderFigures {
  return {
    provider: row.provider,
    byStatus: {
      connected: row.connected,
      refresh_failing: row.refresh_failing,
      reauth_required: row.reauth_required,
    },
    lapsed: row.lapsed,
    byStreak: { '1': row.streak_1, '2': row.streak_2, '3': row.streak_3, gt3: row.streak_gt3 },
    windowElapsed: row.window_elapsed,
    minRemaining: row.min_remaining,
    syncStaleness: row.sync_staleness,
    syncOverdue: row.sync_overdue,
    deadLetters: { refresh: row.dead_refreshes, sync: row.dead_syncs, revocation: row.dead_revocations },
    oldest: { refresh: row.oldest_refresh, sync: row.oldest_sync, revocation: row.oldest_revocation },
    oldestGrant: row.oldest_grant,
  };
}
