import { flapsOf, lossOf, lossViolations, overchargedStrikes, silentLossOf, type LostFamily } from './families';
import type { History, Limits, Violation } from './history';
import { lapsesOf, unknownLapses, type Lapse } from './lapses';
import { dueBackMs } from './overdue';
import { recordViolations } from './records';
import { spendsOf } from './spends';
import { syncsBesideRefresh } from './syncs';
import { timelines } from './timeline';
import { askedInVain, spentInSpiteOfAnswer, verdictsIn } from './verdicts';
import { unwellOf } from './wellbeing';

/** What a history shows. */
export interface Findings {
  readonly tokens: number;
  /** Refreshes that the hub stored. */
  readonly refreshes: number;
  /** Calls at the token endpoint, whatever came of them. */
  readonly attempts: number;
  /** Refresh tokens that were presented again because an answer was lost. */
  readonly inDoubt: number;
  /** Lapses that a hub could have prevented. */
  readonly lapses: number;
  /** Lapses while the provider gave nobody a token. */
  readonly excusedLapses: number;
  readonly longestLapseMs: number;
  readonly doubleSpends: number;
  readonly familiesLost: readonly LostFamily[];
  readonly silentLosses: number;
  /** Integrations that need nobody and yet had not come back when all had settled. */
  readonly unwell: number;
  /** Verdicts that were wrong: the integration recovered, and no person had connected it anew. */
  readonly flaps: number;
  /** From the end of the fault until nothing waited longer than half of its margin any more; `null`: there was no fault to recover from. */
  readonly dueBackMs: number | null;
  /** Events that told an org to sign in again, undone ones included. */
  readonly verdicts: number;
  /** Refresh tokens refused as spent although their answer waited for the database. */
  readonly spentInSpiteOfAnswer: number;
  /** Syncs that were written between the grant of a refresh and its commit. */
  readonly syncsBesideRefresh: number;
  readonly violations: readonly Violation[];
}

/** Holds the sandbox's log, the table and the audit trail against each other and against what must never be. Pure. */
export function checkHistory(history: History, limits: Limits): Findings {
  const lines = timelines(history);
  const lapses = lines.flatMap((line) => lapsesOf(line, history, limits));
  const spends = lines.map((line) => spendsOf(line, history));
  const losses = lines.map((line) => lossOf(line, history)).filter((loss) => loss !== undefined);
  const silent = lines.map((line) => silentLossOf(line, history)).filter((violation) => violation !== undefined);
  const unwell = lines.map((line) => unwellOf(line, history)).filter((violation) => violation !== undefined);
  const unexcused = lapses.filter(({ excused }) => !excused);
  const doubles = spends.flatMap(({ violations }) => violations);
  return {
    tokens: lines.length,
    refreshes: lines.reduce((sum, { commits }) => sum + commits.length, 0),
    attempts: history.presentations.length,
    inDoubt: spends.reduce((sum, { inDoubt }) => sum + inDoubt, 0),
    lapses: unexcused.length,
    excusedLapses: lapses.length - unexcused.length,
    longestLapseMs: Math.max(0, ...lapses.map(({ from, until }) => until - from)),
    doubleSpends: doubles.length,
    familiesLost: losses,
    silentLosses: silent.length,
    unwell: unwell.length,
    flaps: lines.reduce((sum, line) => sum + flapsOf(line), 0),
    dueBackMs: history.recovery && dueBackMs(history.samples, history.recovery, limits.marginMs / 2),
    verdicts: sum(lines.map(verdictsIn)),
    spentInSpiteOfAnswer: sum(lines.map((line) => spentInSpiteOfAnswer(line, history))),
    syncsBesideRefresh: sum(lines.map(syncsBesideRefresh)),
    violations: [
      ...unexcused.map(lapseViolation),
      ...unknownLapses(history, lapses),
      ...doubles,
      ...losses.flatMap((loss) => lossViolations(loss, limits)),
      ...overchargedStrikes(losses, limits),
      ...silent,
      ...unwell,
      ...lines.flatMap(askedInVain),
      ...lines.flatMap((line) => recordViolations(line, history)),
    ],
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function lapseViolation({ integrationId, from, until }: Lapse): Violation {
  const seconds = ((until - from) / 1000).toFixed(1);
  return { kind: 'lapse', integrationId, at: from, what: `had no valid token for ${seconds} s` };
}
