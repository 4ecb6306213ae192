import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { JOBS } from '@hub/queues';
import { seedFleet, type FleetOrder, type Member } from './fleet/fleet';
import type { AppProcess } from './fleet/app-process';
import { ProveHub, type HubOptions } from './fleet/prove-hub';
import { checkHistory, type Findings } from './history/check-history';
import { readPresentations, readSubjects, readTrail } from './history/collect';
import type { History, Interruption, Limits, Outage, Recovery, Violation } from './history/history';
import { LapseWatch } from './lapse-watch';
import type { Claim, Row, Surroundings } from './scenario';

/** So long the watch looks at what has settled: at the least a few times. */
const LOOKS_MS = 1_000;
/** Everything due when the hub's own servers are back must be done with within this time. */
const RECOVERED_WITHIN_MS = 30_000;
/** A provider that was sick for long is probed once a minute at last, and then all who waited are asked for. */
export const PROVIDER_RECOVERED_WITHIN_MS = 75_000;

/** What a worker runs at once at one provider: jobs of its queue, and what its watch does beside that (libs/worker). */
const MOST_CALLS = JOBS.refresh.concurrency + 8;

/** A token that lives a minute leaves twenty seconds and more when its refresh first falls due. */
export const LIMITS_OF_A_MINUTE: Limits = limitsFor(60);

/** The limits for tokens of another life. @param recoveredWithinMs how long a recovery may take */
export function limitsFor(lifeSeconds: number, recoveredWithinMs = RECOVERED_WITHIN_MS): Limits {
  const marginMs = (lifeSeconds * 1000) / 3;
  const longestRungMs = Math.max(1_000, marginMs / 2);
  return { marginMs, longestRungMs, reportedWithinMs: 60_000, recoveredWithinMs, mostCallsOfWorker: MOST_CALLS };
}

/** One run of a scenario: a hub, its fleets, and what was written down meanwhile. */
export class Trial {
  readonly interruptions: Interruption[] = [];
  readonly outages: Outage[] = [];
  /** Accounts whose grant the provider ended, as the scenario wanted. */
  readonly ended = new Map<string, number>();
  readonly watch: LapseWatch;
  private readonly fleets = new Map<string, Member[]>();
  private from = 0;
  private recovering: Recovery | null = null;
  private settledAt: number | null = null;

  private constructor(
    readonly hub: ProveHub,
    readonly surroundings: Surroundings,
  ) {
    this.watch = new LapseWatch(hub.database);
  }

  static async prepare(
    surroundings: Surroundings,
    options: Omit<HubOptions, 'dist' | 'logFolder' | 'workFolder'>,
  ): Promise<Trial> {
    const { dist, logFolder, workFolder } = surroundings;
    const hub = await ProveHub.prepare({ ...options, dist, logFolder, workFolder });
    surroundings.atEnd(() => hub.stop());
    return new Trial(hub, surroundings);
  }

  /** Stores a fleet; its history starts here. */
  async seed(order: FleetOrder): Promise<Member[]> {
    this.from ||= await this.hub.database.now();
    const members = await seedFleet(this.hub, order);
    this.fleets.set(order.provider, [...(this.fleets.get(order.provider) ?? []), ...members]);
    return members;
  }

  /** Starts workers and watch. */
  async begin(): Promise<void> {
    this.watch.start();
    await this.hub.startApps();
  }

  /** The provider gives nobody a token while this lasts. */
  async outage(length: () => Promise<void>): Promise<void> {
    const from = Date.now();
    await length();
    this.outages.push({ from, until: Date.now() });
  }

  /** A worker stands still while this lasts, with all that it has asked for. */
  async standstill(worker: AppProcess, length: () => Promise<void>): Promise<void> {
    const at = Date.now();
    await length();
    this.interruptions.push({ at, forMs: Date.now() - at, struck: worker.recentlyAsked(at) });
  }

  /** The provider ends the grants of these for good. */
  async end(members: readonly Member[]): Promise<void> {
    for (const { provider, account } of members) {
      this.ended.set(account, Date.now());
      await this.hub.sandbox.revoke(provider, account);
    }
  }

  /** A server that all need is away while this lasts. */
  async away(length: () => Promise<void>): Promise<void> {
    const at = Date.now();
    await length();
    this.interruptions.push({ at, forMs: Date.now() - at, struck: 'all' });
  }

  /**
   * Waits until all that is due now has been settled, as it is after a fault.
   *
   * @returns how long it took, in milliseconds
   */
  async recovery(withinMs = 4 * RECOVERED_WITHIN_MS): Promise<number> {
    const startedMs = performance.now();
    const now = new Date(await this.hub.database.now());
    this.recovering = { from: now.getTime(), until: Infinity };
    while (performance.now() - startedMs < withinMs) {
      const [left] = await this.hub.database
        .rows<{ count: string }>(
          `select count(*) from public.integrations
           where next_refresh_at <= $1 and status <> 'reauth_required'`,
          [now],
        )
        .catch(() => []);
      if (Number(left?.count) === 0) return performance.now() - startedMs;
      await sleep(100);
    }
    return Infinity;
  }

  /** Waits until no refresh is in doubt, overdue or failing, then stops the workers in good order. */
  async settle(withinMs = 60_000): Promise<void> {
    const endsAt = performance.now() + withinMs;
    while (performance.now() < endsAt) {
      const [left] = await this.hub.database
        .rows<{ count: string }>(
          `select count(*) from public.integrations where status <> 'reauth_required'
             and ((phase <> 'idle' and (lease_until is null or lease_until < now()))
                  or next_refresh_at < now() - interval '3 seconds' or status = 'refresh_failing')`,
        )
        .catch(() => []);
      if (Number(left?.count) === 0) break;
      await sleep(200);
    }
    await sleep(LOOKS_MS);
    this.settledAt = await this.hub.database.now();
    // workers that stop leave things due
    if (this.recovering) this.recovering = { ...this.recovering, until: Date.now() };
    await this.hub.stopWorkers();
    await this.watch.stop();
  }

  /** Waits until so many refreshes are under way: a fault in a lull strikes nothing. */
  async untilBusy(sending: number, withinMs = 60_000): Promise<void> {
    const endsAt = performance.now() + withinMs;
    while (performance.now() < endsAt) {
      const [now] = await this.hub.database
        .rows<{ count: string }>(
          "select count(*) from public.integrations where phase = 'sending' and lease_until > now()",
        )
        .catch(() => []);
      if (Number(now?.count ?? 0) >= sending) return;
      await sleep(20);
    }
  }

  /** How often the refresh workers have told of something; a fault that nobody tells of has struck nothing. */
  toldOf(event: string): number {
    return this.recordsOf(event).length;
  }

  private recordsOf(event: string): { integrationId: string; at: number }[] {
    const { logFolder } = this.surroundings;
    return readdirSync(logFolder)
      .filter((file) => file.startsWith('refresh-worker'))
      .flatMap((file) => readFileSync(path.join(logFolder, file), 'utf8').split('\n'))
      .filter((line) => line.includes(`"event.name":"${event}"`))
      .map((line) => JSON.parse(line) as { integration?: string; time: string })
      .map(({ integration = '', time }) => ({ integrationId: integration, at: Date.parse(time) }));
  }

  /** Holds all that was written down against the rules, for the fleets of one provider. */
  async findings(provider: string, limits: Limits, rotation: History['rotation'] = 'rotating'): Promise<Findings> {
    const members = this.fleets.get(provider) ?? [];
    const ids = new Set(members.map(({ id }) => id));
    const until = await this.hub.database.now();
    const history: History = {
      rotation,
      from: this.from,
      until,
      subjects: await readSubjects(this.hub, members),
      presentations: await readPresentations(this.hub, provider),
      trail: (await readTrail(this.hub)).filter(({ integrationId }) => ids.has(integrationId)),
      interruptions: this.interruptions,
      outages: this.outages,
      samples: this.watch.samples.map((sample) => ({ ...sample, lapsed: sample.lapsed.filter((id) => ids.has(id)) })),
      recovery: this.recovering,
      settledAt: this.settledAt,
      parked: this.recordsOf('hub.refresh.commit_failed'),
      ended: this.ended,
    };
    return checkHistory(history, limits);
  }
}

/** A row of the table from what a history shows. */
export function rowOf(
  findings: Findings,
  more: { faults: number; recoveryMs?: number; recoveredWithinMs?: number; note?: string; claims?: readonly Claim[] },
): Row {
  const { familiesLost, lapses, excusedLapses, dueBackMs } = findings;
  const { recoveredWithinMs = RECOVERED_WITHIN_MS } = more;
  const explained = familiesLost.filter(({ cause }) => cause !== 'unexplained').length;
  const recovery: Claim[] =
    more.recoveryMs === undefined
      ? []
      : [
          {
            holds: more.recoveryMs <= recoveredWithinMs,
            what: `all that was due at the end of the fault was done within ${recoveredWithinMs / 1000} s`,
          },
          {
            holds: dueBackMs !== null && dueBackMs <= recoveredWithinMs,
            what: `nothing waits for longer than half of its margin ${recoveredWithinMs / 1000} s after the fault (${seconds(dueBackMs)})`,
          },
        ];
  return {
    tokens: findings.tokens,
    refreshes: findings.refreshes,
    faults: more.faults,
    lapses: { count: lapses, ...(excusedLapses > 0 && { note: `${excusedLapses} beyond help` }) },
    doubleSpends: { count: findings.doubleSpends },
    familiesLost: { count: familiesLost.length - explained, ...(explained > 0 && { note: `${explained} explained` }) },
    silentLosses: { count: findings.silentLosses },
    recoveryMs: more.recoveryMs ?? null,
    note: more.note ?? '',
    claims: [...recovery, ...(more.claims ?? [])],
    violations: findings.violations.map(told),
  };
}

/** A verdict that undoes itself was none. */
export function noFlaps({ flaps }: Findings): Claim {
  return { holds: flaps === 0, what: `nobody is said to need a person and recovers without one (${flaps} did)` };
}

function seconds(ms: number | null): string {
  return ms === null ? 'not looked at' : `${(ms / 1000).toFixed(1)} s`;
}

function told({ kind, integrationId, at, what }: Violation): string {
  return `${kind} ${integrationId ?? ''} ${new Date(at).toISOString()}: ${what}`;
}
