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
/** Something overdue for so many looks has been rung for in vain: the queue stands still, or nobody listens. */
const PATIENT_LOOKS = 2;

/**
 * @param hasQueue whether Redis takes rings at the moment
 * @param everyMs  the usual interval between looks
 */
export function watchAct(work: Watched, hasQueue: boolean, everyMs: number): WatchAct {
  const waitMs = Math.max(work.dueInMs, work.leasedForMs ?? 0);
  if (waitMs <= 0) return hasQueue && !isNeglected(work, everyMs) ? { kind: 'ring' } : { kind: 'run_here' };
  // nobody rings at the end of a lease, since its holder usually settles; and without a queue nobody rings at all
  if (work.leasedForMs !== null || !hasQueue) return { kind: 'look_again', inMs: waitMs + AFTER_MS };
  return { kind: 'schedule', inMs: waitMs };
}

function isNeglected(work: Watched, everyMs: number): boolean {
  return work.dueInMs < -PATIENT_LOOKS * everyMs;
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
