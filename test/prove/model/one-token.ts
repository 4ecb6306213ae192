import { callMs } from '@hub/domain';
import { grantAt, remainingMs, type Change, type Failure, type RefreshState, type Rules } from './rules';
import { chances, failureOf, type Trouble, type World } from './world';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The ladder as it is documented, written down a second time: the hub's own must say the same. */
const DOCUMENTED_LADDER_MS = [1, 2, 4, 8].map((minutes) => minutes * MINUTE_MS);
const SHORTEST_DELAY_MS = 1_000;
const SHORTEST_LEASE_MS = 4_000;
const LONGEST_LEASE_MS = 40_000;
/** However long a provider asks for patience: a token that is over is asked for as often as the last rung. */
const LONGEST_DEAD_DELAY_MS = 8 * MINUTE_MS;
const LONG_DEAD_MS = 24 * HOUR_MS;
const LONG_DEAD_DELAY_MS = HOUR_MS;

/** What a world's story came to. */
export interface Story {
  readonly refreshes: number;
  readonly attempts: number;
  readonly crashes: number;
  /** Lapses in which the provider was unable for the whole margin. */
  readonly excusedLapses: number;
}

/** A rule of the hub that a world has broken. */
export class Broken extends Error {
  constructor(
    readonly invariant: string,
    atMs: number,
    detail: string,
  ) {
    super(`${invariant}, at ${(atMs / MINUTE_MS).toFixed(2)} min: ${detail}`);
    this.name = 'Broken';
  }
}

/**
 * Lives one token's story through a world: due times, attempts, crashes, failures, as the workers do, with no clock but the
 * world's. Checks the invariants at each step.
 *
 * @throws Broken at the first invariant that does not hold
 */
export function live(world: World, rules: Rules): Story {
  return new OneToken(world, rules).live();
}

class OneToken {
  private readonly chance: () => number;
  private state: RefreshState;
  /** The troubles before this one are over. */
  private nextTrouble = 0;
  /** Stretches, within the margin of the token in hand, in which nothing could have come of a try. */
  private unable: { fromMs: number; untilMs: number }[] = [];
  private dueAtMs = 0;
  private longestWaitMs = 0;
  /** What dead workers have cost since the last success. */
  private crashCostMs = 0;
  /** The end of the trouble that a try met last, since the last success. */
  private troubledUntilMs: number | null = null;
  private refreshes = 0;
  private attempts = 0;
  private crashes = 0;
  private excusedLapses = 0;

  constructor(
    private readonly world: World,
    private readonly rules: Rules,
  ) {
    this.chance = chances(world.seed);
    const grant = grantAt(0, world.lifeMs);
    const next = rules.firstRefreshAt(grant, new Date(0), this.chance());
    this.state = { ...grant, status: 'connected', nextRefreshAt: next, failedRefreshes: 0, inDoubtSince: null };
    this.dueAtMs = this.scheduledAt(0);
    this.judgeDue(0);
  }

  live(): Story {
    const { lengthMs, doorbellMs } = this.world;
    for (let nowMs = 0; ;) {
      nowMs = Math.max(nowMs, this.scheduledAt(nowMs)) + this.chance() * doorbellMs;
      if (nowMs > lengthMs) break;
      const end = this.attempt(nowMs);
      if (end === 'ended') break;
      nowMs = end;
    }
    const { refreshes, attempts, crashes, excusedLapses } = this;
    return { refreshes, attempts, crashes, excusedLapses };
  }

  /** One claim and what comes of it. @returns when the next look may be; `ended` once a person is needed */
  private attempt(nowMs: number): number | 'ended' {
    if (!this.rules.isDue(this.state, new Date(nowMs)))
      throw new Broken('what is scheduled is due at its time', nowMs, this.told());
    const lease = this.rules.leaseMs(remainingMs(this.state, new Date(nowMs)));
    this.attempts += 1;
    this.judgeLease(lease, nowMs);
    if (this.chance() * 1000 < this.world.crashesPerThousand) {
      this.crashes += 1;
      this.crashCostMs += lease + this.world.doorbellMs;
      this.noteUnable(nowMs, nowMs + lease); // until its lease is over nobody comes near
      return nowMs + lease;
    }
    const trouble = this.troubleAt(nowMs);
    const isEnded = this.world.endedAtMs !== null && nowMs >= this.world.endedAtMs;
    if (trouble) return this.fail(nowMs, failureOf(trouble.spell), trouble, lease);
    if (isEnded) return this.refused(nowMs);
    return this.granted(nowMs);
  }

  private granted(nowMs: number): number {
    const commitMs = nowMs + this.chance() * 500;
    this.judgeExpiry(commitMs);
    this.judgeRecovery(nowMs);
    const change = this.rules.afterRefresh(
      this.state,
      grantAt(nowMs, this.world.lifeMs),
      new Date(commitMs),
      this.chance(),
    );
    this.apply(change, commitMs);
    this.refreshes += 1;
    this.unable = [];
    this.longestWaitMs = 0;
    this.crashCostMs = 0;
    this.troubledUntilMs = null;
    this.dueAtMs = this.scheduledAt(commitMs);
    this.judgeDue(nowMs);
    if (this.state.status !== 'connected' || this.state.failedRefreshes !== 0)
      throw new Broken('a success ends all failing', commitMs, this.told());
    if (this.state.inDoubtSince !== null) throw new Broken('a doubt ends with a grant', commitMs, this.told());
    return commitMs;
  }

  private fail(nowMs: number, failure: Failure, trouble: Trouble, lease: number): number {
    // a lost answer is known only when the call's time is over
    const endMs = failure.kind === 'in_doubt' ? nowMs + callMs(lease) : nowMs;
    const before = this.state;
    const isPutOff = trouble.spell.kind === 'keys_away';
    const change = (isPutOff ? this.rules.afterPutOff : this.rules.afterFailure)(before, failure, new Date(endMs));
    this.apply(change, endMs);
    const { status, failedRefreshes } = this.state;
    if (status === 'reauth_required')
      throw new Broken('only a definite word makes reauth_required', endMs, `${failure.code}, ${failure.kind}`);
    if (status !== 'refresh_failing') throw new Broken('a failure shows in the status', endMs, this.told());
    if (failedRefreshes !== before.failedRefreshes + (isPutOff ? 0 : 1))
      throw new Broken(
        isPutOff ? 'what all wait for climbs no rung' : 'each failure climbs one rung, whoever is to blame',
        endMs,
        this.told(),
      );
    this.judgeDeadLetter(change, endMs);
    this.judgeDoubt(before, failure, endMs);
    this.judgeDelay(endMs, failure);
    this.noteUnable(trouble.fromMs, trouble.untilMs);
    this.troubledUntilMs = trouble.untilMs;
    // who is told to wait cannot try sooner, however well the provider is meanwhile
    const waitMs = this.scheduledAt(endMs) - endMs;
    if (failure.retryAfterMs !== undefined)
      this.noteUnable(endMs, Math.min(endMs + failure.retryAfterMs, endMs + waitMs));
    return endMs;
  }

  private refused(nowMs: number): 'ended' {
    const failure: Failure = { code: 'invalid_grant', kind: 'definite', reason: 'invalid_grant' };
    this.apply(this.rules.afterFailure(this.state, failure, new Date(nowMs)), nowMs);
    const { status, nextRefreshAt } = this.state;
    if (status !== 'reauth_required' || nextRefreshAt !== null)
      throw new Broken('a definite word ends the tries', nowMs, this.told());
    if (this.rules.isDue(this.state, new Date(nowMs + HOUR_MS)))
      throw new Broken('nothing is due of what needs a person', nowMs, this.told());
    return 'ended';
  }

  private apply(change: Change, nowMs: number): void {
    const { status, grant, nextRefreshAt, failedRefreshes, inDoubtSince, refreshFailure } = change.patch;
    if (change.next?.getTime() !== (nextRefreshAt?.getTime() ?? undefined))
      throw new Broken('row and doorbell tell the same time', nowMs, this.told());
    if (refreshFailure === undefined || (status === 'connected') !== (refreshFailure === null))
      throw new Broken(
        'status and failure agree',
        nowMs,
        `${status ?? 'no status'} with ${refreshFailure?.code ?? 'no failure'}`,
      );
    if (change.events.length === 0) throw new Broken('every change is told', nowMs, this.told());
    this.state = {
      ...this.state,
      ...(status && { status }),
      ...(grant && { issuedAt: grant.issuedAt, expiresAt: grant.expiresAt }),
      ...(nextRefreshAt !== undefined && { nextRefreshAt }),
      ...(failedRefreshes !== undefined && { failedRefreshes }),
      ...(inDoubtSince !== undefined && { inDoubtSince }),
    };
  }

  /** When a fresh token is to be refreshed: never in a loop, and with room for the whole ladder. */
  private judgeDue(issuedMs: number): void {
    const share = (this.dueAtMs - issuedMs) / this.world.lifeMs;
    if (share < 1 / 2 || share > 2 / 3 + 1e-6)
      throw new Broken('a refresh falls due between half and two thirds of a life', issuedMs, `at ${share.toFixed(3)}`);
  }

  /** How long a worker that dies keeps all others away. */
  private judgeLease(lease: number, nowMs: number): void {
    const leftMs = (this.state.expiresAt?.getTime() ?? 0) - nowMs;
    const most = leftMs > 0 ? Math.max(SHORTEST_LEASE_MS, leftMs / 4) : LONGEST_LEASE_MS;
    if (lease > Math.min(most, LONGEST_LEASE_MS) + 1)
      throw new Broken('who dies costs a quarter of the margin at most', nowMs, `a lease of ${lease} ms`);
  }

  /** Whether a refresh token may be spent: known from the lost answer on, whatever fails after it. */
  private judgeDoubt(before: RefreshState, { kind }: Failure, nowMs: number): void {
    const since = this.state.inDoubtSince?.getTime() ?? null;
    const expected = before.inDoubtSince?.getTime() ?? (kind === 'in_doubt' ? new Date(nowMs).getTime() : null);
    if (since !== expected) throw new Broken('a doubt stands from the lost answer on', nowMs, this.told());
  }

  /** Five failures in a row, the first try and all four rungs, are told as a dead letter, and no fewer. */
  private judgeDeadLetter({ events }: Change, nowMs: number): void {
    const { failedRefreshes } = this.state;
    const isDead = events.some(({ detail }) => detail?.['deadLetter'] === true);
    if (isDead !== failedRefreshes > DOCUMENTED_LADDER_MS.length)
      throw new Broken('a dead letter is what has spent the ladder', nowMs, this.told());
  }

  /** The wait after a failure, held against the documented table. */
  private judgeDelay(nowMs: number, { retryAfterMs }: Failure): void {
    const waitMs = this.scheduledAt(nowMs) - nowMs;
    const leftMs = (this.state.expiresAt?.getTime() ?? 0) - nowMs;
    const rung = Math.min(Math.max(this.state.failedRefreshes, 1), 4);
    const scale = Math.min(1, this.world.lifeMs / 3 / 16 / MINUTE_MS);
    const ladderMs = Math.max(SHORTEST_DELAY_MS, (DOCUMENTED_LADDER_MS[rung - 1] ?? 0) * scale);
    this.longestWaitMs = Math.max(this.longestWaitMs, waitMs);
    const told = `waits ${(waitMs / 1000).toFixed(1)} s on rung ${rung}, ${(leftMs / 1000).toFixed(0)} s left`;
    if (leftMs < -LONG_DEAD_MS) {
      if (Math.abs(waitMs - LONG_DEAD_DELAY_MS) > 1)
        throw new Broken('a token long dead is asked for hourly', nowMs, told);
      return;
    }
    if (waitMs < ladderMs - 1) throw new Broken('no rung is shorter than documented', nowMs, told);
    const asked = retryAfterMs ?? 0;
    const longest = Math.max(ladderMs, Math.min(asked, leftMs > 0 ? leftMs / 2 : LONGEST_DEAD_DELAY_MS));
    if (waitMs > longest + 1) throw new Broken('no rung is longer than documented', nowMs, told);
  }

  /** At the end of a token: was there a time within the margin in which a try would have succeeded, long enough to hold one? */
  private judgeExpiry(renewedMs: number): void {
    const expiresMs = this.state.expiresAt?.getTime() ?? Infinity;
    if (renewedMs <= expiresMs) return;
    const needMs = this.longestWaitMs + 2 * this.world.doorbellMs + 15_500;
    const free = longestFree(this.unable, this.dueAtMs, expiresMs);
    if (free > needMs)
      throw new Broken(
        'no lapse unless the provider was unable for the whole margin',
        expiresMs,
        `${(free / 1000).toFixed(0)} s were free, ${(needMs / 1000).toFixed(0)} s suffice`,
      );
    this.excusedLapses += 1;
  }

  /** Once the provider is well, one wait of the ladder brings the token back. */
  private judgeRecovery(nowMs: number): void {
    if (this.troubledUntilMs === null) return;
    const tookMs = nowMs - this.troubledUntilMs;
    const most = this.longestWaitMs + this.crashCostMs + 2 * this.world.doorbellMs + 15_500;
    if (tookMs > most)
      throw new Broken('a provider that is well again is asked within one wait', nowMs, `${tookMs} ms`);
  }

  private noteUnable(fromMs: number, untilMs: number): void {
    this.unable.push({ fromMs, untilMs });
  }

  private troubleAt(nowMs: number): Trouble | undefined {
    const { troubles } = this.world;
    for (; this.nextTrouble < troubles.length; this.nextTrouble += 1) {
      const trouble = troubles[this.nextTrouble];
      if (!trouble || nowMs < trouble.fromMs) return undefined;
      if (nowMs < trouble.untilMs) return trouble;
    }
    return undefined;
  }

  private scheduledAt(nowMs: number): number {
    const { nextRefreshAt, status } = this.state;
    if (nextRefreshAt === null) throw new Broken('a next time is always set', nowMs, `status ${status}`);
    return nextRefreshAt.getTime();
  }

  private told(): string {
    const { status, failedRefreshes, nextRefreshAt, expiresAt } = this.state;
    return `${status}, ${failedRefreshes} failures, next ${nextRefreshAt?.getTime() ?? 'never'}, ends ${expiresAt?.getTime() ?? 'never'}`;
  }
}

/** The longest stretch between two moments that no other stretch covers. */
function longestFree(covered: readonly { fromMs: number; untilMs: number }[], fromMs: number, untilMs: number): number {
  let longest = 0;
  let freeFrom = fromMs;
  for (const stretch of [...covered].sort((one, other) => one.fromMs - other.fromMs)) {
    longest = Math.max(longest, Math.min(stretch.fromMs, untilMs) - freeFrom);
    freeFrom = Math.max(freeFrom, stretch.untilMs);
  }
  return Math.max(longest, untilMs - freeFrom);
}
