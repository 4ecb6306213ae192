import { probeDelayMs, TALLY_WINDOW_MS, type OrgId, type VerdictTally } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { affected, allInPieces, selectOne } from './statements';

/** Why a breaker opened: the provider is away, it refuses our registration, or it refuses so many grants at once that its word is not believed. */
export type BreakerReason = 'outage' | 'refused_client' | 'mass_verdict';

/** A breaker that stands open. */
export interface OpenBreaker {
  readonly provider: string;
  readonly clientId: string;
  readonly reason: BreakerReason;
  readonly openedAt: Date;
  /** Probes that have failed since. */
  readonly probes: number;
  /** Milliseconds until the next one may go through, by the database's clock; negative once its hour has come. */
  readonly probeInMs: number;
}

/** All that is known of breakers. */
export interface BreakerView {
  readonly open: readonly OpenBreaker[];
  /** When those that stand closed were closed last. */
  readonly closed: readonly (Registration & { readonly closedAt: Date })[];
}

/** A registration at a provider: what a breaker stands before. */
export interface Registration {
  readonly provider: string;
  readonly clientId: string;
}

interface BreakerRow {
  provider: string;
  client_id: string;
  reason: BreakerReason;
  opened_at: Date;
  closed_at: Date | null;
  probes: number;
  probe_in_ms: number;
}

/** Breakers, shared by all processes: an open one is a row without `closed_at`. */
export class BreakerRepository {
  constructor(private readonly database: HubDatabase) {}

  async all(): Promise<BreakerView> {
    const rows: BreakerRow[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `select provider, client_id, reason, opened_at, closed_at, probes, extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms
         from public.provider_breakers`,
      ),
    );
    return {
      open: rows
        .filter(({ closed_at: closedAt }) => closedAt === null)
        .map((row) => ({
          provider: row.provider,
          clientId: row.client_id,
          reason: row.reason,
          openedAt: row.opened_at,
          probes: row.probes,
          probeInMs: row.probe_in_ms,
        })),
      closed: rows.flatMap(({ provider, client_id: clientId, closed_at: closedAt }) =>
        closedAt === null ? [] : [{ provider, clientId, closedAt }],
      ),
    };
  }

  /** The breaker before a registration if it stands open, with the milliseconds until its next probe; 0: its hour has come. */
  async find({ provider, clientId }: Registration): Promise<{ probeInMs: number } | undefined> {
    const [row]: { probe_in_ms: number }[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `select extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms from public.provider_breakers
         where provider = $1 and client_id = $2 and closed_at is null`,
        [provider, clientId],
      ),
    );
    return row && { probeInMs: Math.max(0, row.probe_in_ms) };
  }

  /**
   * For how long refreshes of a provider are put off, in milliseconds: until the next probe, whatever the registration.
   *
   * @returns `undefined` if none is, or its hour has come
   */
  async putOffMs(provider: string): Promise<number | undefined> {
    const { ms } = await this.database.asSystem('breakers belong to no org', (manager) =>
      selectOne<{ ms: number | null }>(
        manager,
        `select extract(epoch from max(probe_at) - now())::float8 * 1000 as ms from public.provider_breakers
         where provider = $1 and closed_at is null and probe_at > now()`,
        [provider],
      ),
    );
    return ms ?? undefined;
  }

  /** Opens a breaker; one that is open stays as it is. @returns true if this call opened it */
  async open({ provider, clientId }: Registration, reason: BreakerReason): Promise<boolean> {
    const rows: unknown[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `insert into public.provider_breakers as breaker (provider, client_id, reason, probe_at)
         values ($1, $2, $3, now() + make_interval(secs => $4))
         on conflict (provider, client_id) do update
           set reason = excluded.reason, opened_at = now(), probes = 0, probe_at = excluded.probe_at, closed_at = null
           where breaker.closed_at is not null
         returning provider`,
        [provider, clientId, reason, probeDelayMs(0) / 1000],
      ),
    );
    return rows.length === 1;
  }

  /** Takes the right to probe, if its hour has come: one process gets it, the next hour is set at once. */
  async takeProbe(breaker: OpenBreaker): Promise<boolean> {
    const count = await this.database.asSystem('breakers belong to no org', (manager) =>
      affected(
        manager,
        `update public.provider_breakers set probes = probes + 1, probe_at = now() + make_interval(secs => $3)
         where provider = $1 and client_id = $2 and probe_at <= now() and closed_at is null`,
        [breaker.provider, breaker.clientId, probeDelayMs(breaker.probes + 1) / 1000],
      ),
    );
    return count === 1;
  }

  /** Gives the right to probe back, since nobody was asked: the next one may have it at once. */
  async returnProbe({ provider, clientId }: Registration): Promise<void> {
    await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `update public.provider_breakers set probes = greatest(probes - 1, 0), probe_at = now()
         where provider = $1 and client_id = $2 and closed_at is null`,
        [provider, clientId],
      ),
    );
  }

  /** Whom a probe may ask for; `undefined` if nobody is due. */
  async probeCandidate({ provider, openedAt }: OpenBreaker): Promise<ProbeCandidate | undefined> {
    const [row]: { id: string; org_id: string; provider: string; epoch: number }[] = await this.database.asSystem(
      'a breaker stands before all orgs',
      (manager) => manager.query('select * from hub.probe_candidate($1, $2)', [provider, openedAt]),
    );
    return row && { id: row.id, orgId: row.org_id as OrgId, provider: row.provider, epoch: row.epoch };
  }

  /**
   * Closes a breaker, since a probe got through. Verdicts that were passed just before it opened and while it stood open
   * are tried once more, each with an event in its transaction: a mass of them in pieces, the last of which goes with the
   * closing. After a crash between them the breaker still stands open, and its next probe goes on.
   *
   * @returns how many; `undefined` if it was closed already
   */
  async close(registration: Registration): Promise<number | undefined> {
    const inPieces = await allInPieces((most) => this.reopen(registration, most));
    const { provider, clientId } = registration;
    const rows: { reopened: number }[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `with closed as (
           update public.provider_breakers set closed_at = now(), probe_at = now()
           where provider = $1 and client_id = $2 and closed_at is null returning reason, opened_at)
         select case when reason = 'mass_verdict'
           then hub.reopen_verdicts($1, opened_at - make_interval(secs => $3), null) else 0 end as reopened from closed`,
        [provider, clientId, TALLY_WINDOW_MS / 1000],
      ),
    );
    return rows[0] && inPieces + rows[0].reopened;
  }

  /** Takes some of the verdicts back that a breaker stands open for. @returns how many */
  private async reopen({ provider, clientId }: Registration, most: number): Promise<number> {
    const rows: { reopened: number }[] = await this.database.asSystem(
      'verdicts of one provider over all orgs',
      (manager) =>
        manager.query(
          `select hub.reopen_verdicts(provider, opened_at - make_interval(secs => $3), $4) as reopened
         from public.provider_breakers
         where provider = $1 and client_id = $2 and closed_at is null and reason = 'mass_verdict'`,
          [provider, clientId, TALLY_WINDOW_MS / 1000, most],
        ),
    );
    return rows[0]?.reopened ?? 0;
  }

  /** How many grants of a provider were refused for good lately, and on how many accounts. */
  async recentVerdicts(provider: string): Promise<VerdictTally> {
    return this.database.asSystem('verdicts of one provider over all orgs', (manager) =>
      selectOne<VerdictTally>(manager, 'select * from hub.recent_verdicts($1, make_interval(secs => $2))', [
        provider,
        TALLY_WINDOW_MS / 1000,
      ]),
    );
  }
}

/** A row that a probe may ask for: what a ring needs. */
export interface ProbeCandidate {
  readonly id: string;
  readonly orgId: OrgId;
  readonly provider: string;
  readonly epoch: number;
}
