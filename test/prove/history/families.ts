import type { History, Interruption, Limits, Violation } from './history';
import { grouped, interruptionOf, wasCommitted, type Timeline } from './timeline';

/** A grant that came to its end during the scenario. */
export interface LostFamily {
  readonly integrationId: string;
  /** `ended`: its provider ended it, as the scenario wanted; `struck`: an answer was lost on the way; `unexplained`. */
  readonly cause: 'ended' | 'struck' | 'unexplained';
  /** What struck its answer; absent where it was lost by its provider, or nothing struck it. */
  readonly strike?: Interruption;
  /** From the loss, or the first refusal of a grant that its provider ended, to the event that tells of it. */
  readonly reportedAfterMs: number;
  readonly at: number;
}

/** Whether an integration came to need a person, and why. */
export function lossOf(timeline: Timeline, history: History): LostFamily | undefined {
  const { subject, trail, presentations } = timeline;
  const verdict = trail.findLast(({ name }) => name === 'integration.reauth_required');
  if (!verdict || subject.row?.status !== 'reauth_required') return undefined;
  const ended = history.ended.get(subject.account);
  if (ended !== undefined && ended <= verdict.at) {
    // the hub hears of it when it asks next
    const heard = presentations.find(({ accepted, at }) => !accepted && at >= ended && at <= verdict.at);
    const reportedAfterMs = heard ? verdict.at - heard.at : 0;
    return { integrationId: subject.id, cause: 'ended', reportedAfterMs, at: verdict.at };
  }
  const last = presentations.findLast(({ accepted, at }) => accepted && at <= verdict.at);
  const strike = last && interruptionOf(timeline, last, verdict.at, history.interruptions);
  const isStruck = last !== undefined && !wasCommitted(timeline, last.at, verdict.at);
  if (isStruck && (strike || last.answer !== 'sent')) {
    const lostAt = Math.max(last.at, strike ? strike.at + strike.forMs : last.at);
    const reportedAfterMs = verdict.at - lostAt;
    return { integrationId: subject.id, cause: 'struck', ...(strike && { strike }), reportedAfterMs, at: verdict.at };
  }
  return { integrationId: subject.id, cause: 'unexplained', reportedAfterMs: 0, at: verdict.at };
}

/** One kill costs the answers at most that its worker had under way: more of them lost by it have another cause. */
export function overchargedStrikes(losses: readonly LostFamily[], { mostCallsOfWorker: most }: Limits): Violation[] {
  const byStrike = grouped(
    losses.flatMap(({ strike }) => (strike && strike.struck !== 'all' ? [strike] : [])),
    (strike) => strike,
  );
  return [...byStrike.entries()]
    .filter(([, charged]) => charged.length > most)
    .map(([{ at }, { length }]) => ({
      kind: 'too_many_lost',
      integrationId: null,
      at,
      what: `${length} families are laid to one kill, whose worker has ${most} calls under way at most`,
    }));
}

/** How often an integration was said to need a person, and recovered without one: the verdict was wrong. */
export function flapsOf({ trail }: Timeline): number {
  let isJudged = false;
  let flaps = 0;
  for (const { name } of trail) {
    if (name === 'integration.reauth_required') isJudged = true;
    if (name === 'integration.connected' || name === 'integration.disconnected') isJudged = false;
    if (name !== 'refresh.succeeded' || !isJudged) continue;
    isJudged = false;
    flaps += 1;
  }
  return flaps;
}

/** What is wrong with a loss. */
export function lossViolations(loss: LostFamily, limits: Limits): Violation[] {
  const { integrationId, at, reportedAfterMs } = loss;
  if (loss.cause === 'unexplained')
    return [{ kind: 'family_lost', integrationId, at, what: 'needs a person, and nothing explains why' }];
  if (reportedAfterMs <= limits.reportedWithinMs) return [];
  const seconds = (reportedAfterMs / 1000).toFixed(1);
  return [{ kind: 'late_report', integrationId, at, what: `its loss was told of only ${seconds} s later` }];
}

/**
 * A family that is lost although the hub believes it well: the row's refresh token is not the one that the provider
 * waits for.
 */
export function silentLossOf({ subject, presentations }: Timeline, history: History): Violation | undefined {
  const { row } = subject;
  if (!row || row.status === 'reauth_required') return undefined;
  const handedOut = presentations.findLast(({ accepted, handedOut: grant }) => accepted && grant !== null)?.handedOut;
  const newest = history.rotation === 'rotating' ? (handedOut?.refresh ?? subject.refreshPrint) : subject.refreshPrint;
  const isEnded = history.ended.has(subject.account);
  if (row.refreshPrint === newest && !isEnded) return undefined;
  const what = isEnded
    ? 'its grant was ended, and the hub does not say so'
    : `holds refresh token ${row.refreshPrint ?? 'none'}, its provider waits for ${newest ?? 'none'}`;
  return { kind: 'silent_loss', integrationId: subject.id, at: history.until, what };
}
