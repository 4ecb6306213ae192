/** How much of its pace a lane takes since a moment of the monotonic clock: 1 is all of it. */
export interface LanePace {
  readonly share: number;
  readonly sinceMs: number;
}

export const FULL_PACE: LanePace = { share: 1, sinceMs: 0 };

/** Whatever a provider asks for, somebody finds out whether it is well again. */
const SMALLEST_SHARE = 1 / 16;
/** A whole pace would grow in so long; half of one, after a single throttle, in half of that. */
const GROWTH_MS = 120_000;

/** What a lane takes now: it grows back evenly. */
export function shareAt({ share, sinceMs }: LanePace, nowMs: number): number {
  return Math.min(1, share + Math.max(0, nowMs - sinceMs) / GROWTH_MS);
}

/** A throttle halves what a lane takes. Several processes that do so come to share what a provider allows, without a word between them. */
export function afterThrottle(pace: LanePace, nowMs: number): LanePace {
  return { share: Math.max(SMALLEST_SHARE, shareAt(pace, nowMs) / 2), sinceMs: nowMs };
}
