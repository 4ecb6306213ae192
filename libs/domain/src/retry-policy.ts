const MINUTE_MS = 60_000;

/** The ladder of the field, 1 m / 2 m / 4 m / 8 m, is this step doubled; it fits a token that lives 45 minutes or longer. */
const FULL_STEP_MS = MINUTE_MS;
/** Rungs of the ladder; after the last one its delay is kept. */
export const RUNGS = 4;
/**
 * No retry comes sooner. Down to lives of 48 seconds the rungs are longer by themselves; where a token lives shorter, the
 * last of them lie behind its end: a provider is not asked in a loop for a token that is over as soon as it is granted.
 */
const SHORTEST_DELAY_MS = 1_000;
/** All rungs together are 15 steps; a sixteenth of the margin for each leaves one step for the last attempt itself. */
const STEPS_IN_MARGIN = 16;
/** A token lives on for a third of its life when its refresh first falls due (refresh-plan). */
const MARGIN_OF_LIFE = 1 / 3;

/** What is honoured of a provider's wish once the token is over: somebody may wait for it. */
const LONGEST_DEAD_DELAY_MS = FULL_STEP_MS * 2 ** (RUNGS - 1);
/** The same for a token without a known end, which may well be alive. */
const LONGEST_ENDLESS_DELAY_MS = 60 * MINUTE_MS;

/** A token dead for so long is asked for less often: its provider or its owner is gone for good. */
const LONG_DEAD_MS = 24 * 60 * MINUTE_MS;
const LONG_DEAD_DELAY_MS = 60 * MINUTE_MS;

/**
 * The wait before the next try after `failures` failures in a row: 1, 2, 4, 8 minutes, then 8 for ever.
 * The only ladder of the hub: refreshes ring it from the row, queues take it as their backoff.
 *
 * @param failures how many tries have failed in a row, 1 or more
 * @param lifeMs   the token's whole life in milliseconds; the ladder of a short life is scaled so that all of it fits the
 *                 last third. `null`: no end is known, the full ladder is used
 */
export function retryDelayMs(failures: number, lifeMs: number | null = null): number {
  const rung = Math.min(Math.max(Math.trunc(failures), 1), RUNGS);
  return Math.max(SHORTEST_DELAY_MS, stepMs(lifeMs) * 2 ** (rung - 1));
}

function stepMs(lifeMs: number | null): number {
  const life = lifeMs ?? 0;
  return life > 0 ? Math.min(FULL_STEP_MS, (life * MARGIN_OF_LIFE) / STEPS_IN_MARGIN) : FULL_STEP_MS;
}

/** How long the whole ladder of a token takes, with a step to spare for the last try itself. @param lifeMs as for `retryDelayMs` */
export function ladderMs(lifeMs: number): number {
  return stepMs(lifeMs) * STEPS_IN_MARGIN;
}

/** True once every rung has failed: the job is a dead letter, though it is still tried. */
export function ladderIsSpent(failures: number): boolean {
  return failures > RUNGS;
}

/**
 * The wait that a failed refresh gets: the ladder's, or the provider's own wish where the margin allows it.
 *
 * @param failures     failed refreshes in a row, this one included
 * @param lifeMs       the token's whole life, `null` if it has no known end
 * @param remainingMs  what is left of the token, negative once it is dead, `null` if it has no known end
 * @param retryAfterMs what the provider asked for, if it did; honoured up to half of what remains; where nothing
 *                     does, up to the slowest pace of the ladder
 */
export function refreshDelayMs(
  failures: number,
  lifeMs: number | null,
  remainingMs: number | null,
  retryAfterMs: number | undefined,
): number {
  const delay = retryDelayMs(failures, lifeMs);
  const longDead = remainingMs !== null && remainingMs < -LONG_DEAD_MS;
  if (longDead) return LONG_DEAD_DELAY_MS;
  return Math.max(delay, Math.min(retryAfterMs ?? 0, longestWishMs(remainingMs)));
}

function longestWishMs(remainingMs: number | null): number {
  if (remainingMs === null) return LONGEST_ENDLESS_DELAY_MS;
  return remainingMs > 0 ? remainingMs / 2 : LONGEST_DEAD_DELAY_MS;
}

/**
 * The same wait where a refresh token that may be spent is taken again for a while only: it comes again before half of
 * that is over, and then again, as long as it lasts.
 *
 * @param graceLeftMs what is left of that while; nothing of it, or `null`: there is none to go by
 */
export function withinGraceMs(delayMs: number, graceLeftMs: number | null): number {
  if (graceLeftMs === null || graceLeftMs <= 0) return delayMs;
  return Math.min(delayMs, Math.max(SHORTEST_DELAY_MS, graceLeftMs / 2));
}
