/** The part of due work that the watch decides on; spans by the database's clock. */
export interface Watched {
  readonly dueInMs: number;
  readonly leasedForMs: number | null;
  readonly lifeLeftMs: number | null;
}

/** What the watch does with something due: ring for it, do it here and now, or come back to it at its time. */
export type WatchAct =
  | { readonly kind: 'ring' }
  | { readonly kind: 'run_here' }
  | { readonly kind: 'schedule'; readonly inMs: number }
  | { readonly kind: 'look_again'; readonly inMs: number };

/** However short the lives are, the database is not asked more often. */
export const SHORTEST_LOOK_MS = 2_000;
/** Timers may be early by a millisecond, and a lease that still holds would put the work off to the next look. */
const AFTER_MS = 50;
/** Looks that fit into what is left of the token that is worst off. */
const LOOKS_IN_LIFE = 4;
/** A lane out of which no job has come for so many looks stands still, or nobody listens. What is overdue for so long waits no more then. */
export const PATIENT_LOOKS = 2;
/** The last part of a token's margin, in which it is refreshed at once. */
const URGENT_PART = 1 / 4;
/** What the watch may start of a provider beside its queue. */
const BESIDE_QUEUE = 1 / 10;

/**
 * What the queue of a provider's lane is worth at the moment: Redis takes no rings; it takes them, but no job has come
 * out here for a while; or jobs come out.
 */
export type QueueState = 'away' | 'still' | 'moving';

/**
 * @param queue   the lane's queue, as this process sees it
 * @param everyMs the usual interval between looks
 */
export function watchAct(work: Watched, queue: QueueState, everyMs: number): WatchAct {
  const waitMs = Math.max(work.dueInMs, work.leasedForMs ?? 0);
  if (waitMs <= 0) return isServedByQueue(work, queue, everyMs) ? { kind: 'ring' } : { kind: 'run_here' };
  // nobody rings at the end of a lease, since its holder usually settles; and without a queue nobody rings at all
  if (work.leasedForMs !== null || queue === 'away') return { kind: 'look_again', inMs: waitMs + AFTER_MS };
  return { kind: 'schedule', inMs: waitMs };
}

function isServedByQueue(work: Watched, queue: QueueState, everyMs: number): boolean {
  if (queue === 'away' || isUrgent(work)) return false;
  return queue === 'moving' || work.dueInMs >= -PATIENT_LOOKS * everyMs;
}

/** So little is left of what was left when it fell due that it stands in no queue any more, however long that is. */
function isUrgent({ dueInMs, lifeLeftMs }: Watched): boolean {
  return lifeLeftMs !== null && lifeLeftMs > 0 && lifeLeftMs < (lifeLeftMs - dueInMs) * URGENT_PART;
}

/**
 * How far apart the starts of one provider are that the watch runs here, in milliseconds. Beside a queue that moves they
 * take a small part of the provider's patience; in its place all of it.
 *
 * @param perSecond what the provider's lane may start in a second; absent: as many as there are
 */
export function gapMs(queue: QueueState, perSecond: number | undefined): number {
  if (perSecond === undefined) return 0;
  return 1_000 / (queue === 'moving' ? perSecond * BESIDE_QUEUE : perSecond);
}

/**
 * When to look again, in milliseconds: usually after `everyMs`, sooner while tokens with little life left are due.
 *
 * @param chance uniform in [0, 1): workers must not look in step
 */
export function nextLookMs(seen: readonly Watched[], everyMs: number, chance: number): number {
  const lives = seen.map((work) => work.lifeLeftMs).filter((life) => life !== null && life > 0);
  const hurry = Math.min(everyMs, ...lives.map((life) => (life ?? everyMs) / LOOKS_IN_LIFE));
  return Math.max(SHORTEST_LOOK_MS, hurry) * (0.9 + chance * 0.2);
}
