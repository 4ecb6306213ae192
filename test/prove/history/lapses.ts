import type { History, Limits, Outage, Violation } from './history';
import type { Timeline } from './timeline';

/** A time in which a connected integration had no valid access token. */
export interface Lapse {
  readonly integrationId: string;
  readonly from: number;
  readonly until: number;
  /** True if the provider gave nobody a token during the whole margin before, and it ended in time after that: no hub could have helped. */
  readonly excused: boolean;
}

/**
 * The lapses of one integration, exact to the trail's own times: from the end of one token to the commit of the next. An
 * integration that waits for a person is not connected, so the time from its verdict on does not count; nor does the gap
 * before a verdict, which its lost family stands for.
 */
export function lapsesOf(timeline: Timeline, history: History, limits: Limits): Lapse[] {
  const { subject, trail } = timeline;
  const lapses: Lapse[] = [];
  let expiresAt: number | null = subject.expiresAt;
  const until = (end: number): void => {
    if (expiresAt === null || end <= expiresAt) return;
    const excused = history.outages.some((outage) => explains(outage, expiresAt ?? end, end, limits));
    lapses.push({ integrationId: subject.id, from: expiresAt, until: end, excused });
  };
  for (const event of trail) {
    if (event.name === 'integration.reauth_required' || event.name === 'integration.disconnected') expiresAt = null;
    if (event.name !== 'refresh.succeeded' || event.verified) continue;
    until(event.at);
    expiresAt = event.expiresAt;
  }
  until(history.until);
  return lapses;
}

/** An outage explains a lapse if it covered every try of the ladder that could have succeeded, and only for as long as a recovery may take. */
function explains(outage: Outage, expiresAt: number, endsAt: number, limits: Limits): boolean {
  const { marginMs, longestRungMs, recoveredWithinMs } = limits;
  const coversLadder = outage.from <= expiresAt - marginMs && outage.until >= expiresAt - longestRungMs;
  return coversLadder && endsAt <= outage.until + recoveredWithinMs;
}

/** What the looks at the table saw must be what the trail tells: a lapse seen where the trail tells of none is a bug in either. */
export function unknownLapses(history: History, known: readonly Lapse[]): Violation[] {
  const judged = judgedTimes(history);
  const seen = new Map<string, number>();
  for (const { at, lapsed } of history.samples)
    for (const id of lapsed) {
      const isKnown =
        known.some((lapse) => lapse.integrationId === id && at >= lapse.from - 1 && at <= lapse.until + LOOK_MS) ||
        judged.some((time) => time.integrationId === id && at >= time.from - LOOK_MS && at <= time.until + LOOK_MS);
      if (!isKnown && !seen.has(id)) seen.set(id, at);
    }
  return [...seen].map(([integrationId, at]) => ({
    kind: 'lapse_seen',
    integrationId,
    at,
    what: 'the table showed a token that was over, and the trail knows of no lapse then',
  }));
}

/** From each verdict to the success that undid it: a verdict that is looked into once more shows as failing meanwhile. */
function judgedTimes({ trail, until }: History): { integrationId: string; from: number; until: number }[] {
  return trail
    .filter(({ name }) => name === 'integration.reauth_required')
    .map(({ integrationId, at, seq }) => {
      const undone = trail.find(
        (event) => event.integrationId === integrationId && event.seq > seq && event.name === 'refresh.succeeded',
      );
      return { integrationId, from: at, until: undone?.at ?? until };
    });
}

/** A look may be answered a moment after it was asked. */
const LOOK_MS = 1_000;
