import type { History, Presentation, Violation } from './history';
import { grouped, interruptionOf, wasCommitted, type Timeline } from './timeline';

/** What repeated presentations of one refresh token were. */
export interface Spends {
  /** Presented again after an answer that was lost, with a cause: what an in-doubt refresh is. */
  readonly inDoubt: number;
  readonly violations: readonly Violation[];
}

/**
 * Each refresh token of a rotating provider is presented once, unless its answer was lost on the way: never while another
 * presentation is under way, never after its successor was stored, never without a cause.
 */
export function spendsOf(timeline: Timeline, history: History): Spends {
  if (history.rotation === 'lasting') return { inDoubt: 0, violations: [] };
  const violations: Violation[] = [];
  let inDoubt = 0;
  const byToken = grouped(timeline.presentations, ({ presented }) => presented ?? '');
  for (const presentations of byToken.values()) {
    for (const [place, later] of presentations.entries()) {
      const earlier = presentations.slice(0, place).findLast(({ accepted }) => accepted);
      if (!earlier) continue;
      const violation = judgeRepeat(timeline, history, earlier, later);
      if (violation) violations.push(violation);
      else inDoubt += 1;
    }
  }
  return { inDoubt, violations };
}

function judgeRepeat(
  timeline: Timeline,
  { interruptions }: History,
  earlier: Presentation,
  later: Presentation,
): Violation | undefined {
  const at = later.at;
  const integrationId = timeline.subject.id;
  const token = later.presented ?? '';
  // a caller that was killed is no caller any more: its answer is lost, not under way
  if (later.overlapping && earlier.answer === 'sent' && !interruptionOf(timeline, earlier, at, interruptions))
    return { kind: 'double_spend', integrationId, at, what: `${token} was presented twice at the same time` };
  if (wasCommitted(timeline, earlier.at, later.at))
    return { kind: 'double_spend', integrationId, at, what: `${token} was presented after its successor was stored` };
  const isLost = earlier.answer !== 'sent' || interruptionOf(timeline, earlier, at, interruptions) !== undefined;
  if (isLost) return undefined;
  const seconds = ((later.at - earlier.at) / 1000).toFixed(1);
  return {
    kind: 'unexplained_repeat',
    integrationId,
    at,
    what: `${token} was presented again after ${seconds} s although its answer was sent and nobody was struck`,
  };
}
