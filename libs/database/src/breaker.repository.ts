import { probeDelayMs, TALLY_WINDOW_MS, type VerdictTally } from '@hub/domain';
import type { HubDatabase } from './hub-database';
import { affected, selectOne } from './statements';

/** Why a breaker opened: the provider is away, it refuses our registration, or it refuses so many grants at once that its word is not believed. */
export type BreakerReason = 'outage' | 'refused_client' | 'mass_verdict';

/** A breaker that stands open. */
export interface OpenBreaker {
  readonly provider: string;
  readonly clientId: string;
  readonly reason: BreakerReason;
  /** Probes that have failed since. */
  readonly probes: number;
  /** Milliseconds until the next one may go through, by the database's clock; negative once its hour has come. */
  readonly probeInMs: number;
}

/** A registration at a provider: what a breaker stands before. */
export interface Registration {
  readonly provider: string;
  readonly clientId: string;
}

/** Breakers, shared by all processes: an open one is a row. */
export class BreakerRepository {
  constructor(private readonly database: HubDatabase) {}

  async allOpen(): Promise<OpenBreaker[]> {
    const rows: { provider: string; client_id: string; reason: BreakerReason; probes: number; probe_in_ms: number }[] =
      await this.database.asSystem('breakers belong to no org', (manager) =>
        manager.query(
          'select provider, client_id, reason, probes, extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms from public.provider_breakers',
        ),
      );
    return rows.map((row) => ({
      provider: row.provider,
      clientId: row.client_id,
      reason: row.reason,
      probes: row.probes,
      probeInMs: row.probe_in_ms,
    }));
  }

  /** The breaker before a registration if it stands open, with the milliseconds until its next probe. */
  async find({ provider, clientId }: Registration): Promise<{ probeInMs: number } | undefined> {
    const [row]: { probe_in_ms: number }[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        'select extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms from public.provider_breakers where provider = $1 and client_id = $2',
        [provider, clientId],
      ),
    );
    return row && { probeInMs: Math.max(0, row.probe_in_ms) };
  }

  /** Opens a breaker; one that is open stays as it is. @returns true if this call opened it */
  async open({ provider, clientId }: Registration, reason: BreakerReason): Promise<boolean> {
    const rows: unknown[] = await this.database.asSystem('breakers belong to no org', (manager) =>
      manager.query(
        `insert into public.provider_breakers (provider, client_id, reason, probe_at) values ($1, $2, $3, now() + make_interval(secs => $4))
         on conflict do nothing returning provider`,
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
         where provider = $1 and client_id = $2 and probe_at <= now()`,
        [breaker.provider, breaker.clientId, probeDelayMs(breaker.probes + 1) / 1000],
      ),
    );
    return count === 1;
  }

  /**
   * Closes a breaker, since a probe got through. Verdicts that were passed just before it opened and while it stood open
   * are tried once more.
   *
   * @returns how many; `undefined` if it was closed already
   */
  async close({ provider, clientId }: Registration): Promise<number | undefined> {
    return this.database.asSystem('breakers belong to no org', async (manager) => {
      const [rows] = await manager.query<[{ reason: BreakerReason; opened_at: Date }[], number]>(
        'delete from public.provider_breakers where provider = $1 and client_id = $2 returning reason, opened_at',
        [provider, clientId],
      );
      const [closed] = rows;
      if (!closed) return undefined;
      if (closed.reason !== 'mass_verdict') return 0;
      const since = new Date(closed.opened_at.getTime() - TALLY_WINDOW_MS);
      const { reopened } = await selectOne<{ reopened: number }>(
        manager,
        'select hub.reopen_verdicts($1, $2) as reopened',
        [provider, since],
      );
      return reopened;
    });
  }

  /** How many grants of a provider were refused for good lately. */
  async recentVerdicts(provider: string): Promise<VerdictTally> {
    return this.database.asSystem('verdicts of one provider over all orgs', (manager) =>
      selectOne<VerdictTally>(manager, 'select * from hub.recent_verdicts($1, make_interval(secs => $2))', [
        provider,
        TALLY_WINDOW_MS / 1000,
      ]),
    );
  }
}
