import { HOOKS_HELD_FOR_MS, TALLY_WINDOW_MS, type VerdictTally } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { allInPieces, selectOne } from './statements';

/** A provider that is not believed, or was not once, when it says that hooks are gone. */
export interface HookHold {
  readonly provider: string;
  readonly openedAt: Date;
  /** When it was believed again; `null`: it is not. */
  readonly closedAt: Date | null;
  /** It has not been believed for as long as it may be. */
  readonly isOver: boolean;
}

/** What came of the end of a hold. */
export interface ClosedHold {
  /** Hooks that were judged just before it, and are tried once more. */
  readonly reopened: number;
  /** Deliveries that ran out of tries while it was open, and have all of them anew. */
  readonly revived: number;
}

/** Hooks with all that waits for each: so many at most are opened again in one transaction. */
const HOOKS = 20;

/** What providers say of hooks that are gone, over all orgs, and whether they are believed. */
export class HookVerdictRepository {
  constructor(private readonly database: HubDatabase) {}

  /** All holds, open and closed, one of a provider. */
  async holds(): Promise<HookHold[]> {
    return this.database.asSystem('holds belong to no org', (manager) =>
      manager.query<HookHold[]>(
        `select provider, opened_at as "openedAt", closed_at as "closedAt",
           closed_at is null and opened_at <= now() - make_interval(secs => $1) as "isOver" from public.hook_holds`,
        [HOOKS_HELD_FOR_MS / 1000],
      ),
    );
  }

  /** How many of a provider's hooks were said to be gone lately, and believed, beside all that were sent to. */
  async recent(provider: string): Promise<VerdictTally> {
    return this.database.asSystem('verdicts of one provider over all orgs', (manager) =>
      selectOne<VerdictTally>(manager, 'select * from hub.recent_hook_verdicts($1, make_interval(secs => $2))', [
        provider,
        TALLY_WINDOW_MS / 1000,
      ]),
    );
  }

  /** Has a provider not believed from now on. @returns true if it was until now */
  async open(provider: string): Promise<boolean> {
    const rows: unknown[] = await this.database.asSystem('holds belong to no org', (manager) =>
      manager.query(
        `insert into public.hook_holds as hold (provider) values ($1)
         on conflict (provider) do update set opened_at = now(), closed_at = null where hold.closed_at is not null
         returning provider`,
        [provider],
      ),
    );
    return rows.length === 1;
  }

  /**
   * Has a provider believed again. Hooks that were judged just before it was not are tried once more, with what was refused
   * and what waits for them, and so is what ran out of tries meanwhile; each with its events in the same transaction: many in
   * pieces, the last of which goes with the end. After a crash between them the hold is still open, and whoever ends it next
   * goes on.
   *
   * @returns how many hooks, and how many deliveries that had died; `undefined` if it was believed already
   */
  async close(provider: string): Promise<ClosedHold | undefined> {
    let reopened = 0;
    // a piece may be smaller than asked: hooks with a great backlog go alone
    for (let piece; (piece = await this.inPiece(REOPEN, provider, HOOKS)) > 0;) reopened += piece;
    const revived = await allInPieces((most) => this.inPiece(REVIVE, provider, most));
    const rows: ClosedHold[] = await this.database.asSystem('holds belong to no org', (manager) =>
      manager.query(
        `with closed as (
           update public.hook_holds set closed_at = now() where provider = $1 and closed_at is null returning opened_at)
         select hub.reopen_hooks($1, opened_at - make_interval(secs => $2), null) as reopened,
           hub.revive_held_deliveries($1, opened_at, null) as revived from closed`,
        [provider, TALLY_WINDOW_MS / 1000],
      ),
    );
    return rows[0] && { reopened: reopened + rows[0].reopened, revived: revived + rows[0].revived };
  }

  private async inPiece(work: string, provider: string, most: number): Promise<number> {
    const rows: { done: number }[] = await this.database.asSystem('verdicts of one provider over all orgs', (manager) =>
      manager.query(`select ${work} as done from public.hook_holds where provider = $1 and closed_at is null`, [
        provider,
        most,
      ]),
    );
    return rows[0]?.done ?? 0;
  }
}

const REOPEN = `hub.reopen_hooks(provider, opened_at - make_interval(secs => ${TALLY_WINDOW_MS / 1000}), $2)`;
const REVIVE = 'hub.revive_held_deliveries(provider, opened_at, $2)';
