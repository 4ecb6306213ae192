import type { History, Interruption, Presentation, Subject, TrailEvent } from './history';

/** What was written down about one integration, in order. */
export interface Timeline {
  readonly subject: Subject;
  readonly presentations: readonly Presentation[];
  readonly trail: readonly TrailEvent[];
  /** Stored refreshes. */
  readonly commits: readonly TrailEvent[];
}

/** A history, integration by integration. */
export function timelines(history: History): Timeline[] {
  const presentations = grouped(history.presentations, ({ account }) => account);
  const trails = grouped(history.trail, ({ integrationId }) => integrationId);
  return history.subjects.map((subject) => {
    const trail = [...(trails.get(subject.id) ?? [])].sort((one, other) => one.seq - other.seq);
    return {
      subject,
      presentations: [...(presentations.get(subject.account) ?? [])].sort((one, other) => one.seq - other.seq),
      trail,
      commits: trail.filter(({ name, verified }) => name === 'refresh.succeeded' && !verified),
    };
  });
}

/** Things by a key of theirs, in their order. */
export function grouped<Key, Thing>(things: readonly Thing[], keyOf: (thing: Thing) => Key): Map<Key, Thing[]> {
  const groups = new Map<Key, Thing[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return groups;
}

/** Whether an answer was stored between two moments. */
export function wasCommitted({ commits }: Timeline, from: number, until: number): boolean {
  return commits.some(({ at }) => at >= from && at <= until);
}

/** A provider may log its decision a little after the worker logged its question, and both after the kill was sent. */
const SLACK_MS = 250;

/** The longest call and the commit behind it (libs/domain, the worker's answer keeper): no answer is under way for longer. */
const CALL_MS = 20_000;

/**
 * Whether something struck an integration between the provider's decision and the next moment of interest, while its
 * answer was under way: a worker was killed that had asked and had not stored, or a server was away that was needed to
 * store it. What strikes later has struck no answer.
 */
export function interruptionOf(
  { subject }: Timeline,
  presentation: Presentation,
  until: number,
  interruptions: readonly Interruption[],
): Interruption | undefined {
  const underWayUntil = Math.min(until, presentation.at + CALL_MS);
  return interruptions.find(({ at, forMs, struck }) => {
    if (at > underWayUntil || at + forMs < presentation.at - SLACK_MS) return false;
    if (struck === 'all') return true;
    return struck.some(
      (asked) =>
        asked.integrationId === subject.id &&
        asked.at <= presentation.at + SLACK_MS &&
        asked.at > presentation.at - CALL_MS,
    );
  });
}
