import type { SendPace } from '@hub/providers';

/** When somebody may send: after a wait that is worth waiting for, for which a place is kept; or so much later that he asks again. */
export type Turn = { readonly kind: 'kept'; readonly inMs: number } | { readonly kind: 'later'; readonly inMs: number };

/**
 * The next turn that all of the paces allow (generic cell rate algorithm, ITU-T I.371).
 *
 * @param known      for each pace the theoretical time of its next send; absent: it has been still
 * @param patienceMs the longest wait for which a place is kept
 * @returns the turn, and what is known of each pace behind it; nothing is taken of any if the turn comes later
 */
export function nextTurn(
  paces: readonly SendPace[],
  known: readonly (number | undefined)[],
  nowMs: number,
  patienceMs: number,
): { readonly turn: Turn; readonly after: readonly number[] } {
  const times = paces.map((_, place) => known[place] ?? nowMs);
  const atMs = Math.max(nowMs, ...paces.map(({ burst, everyMs }, place) => times[place]! - (burst - 1) * everyMs));
  const inMs = atMs - nowMs;
  if (inMs > patienceMs) return { turn: { kind: 'later', inMs }, after: times };
  return {
    turn: { kind: 'kept', inMs },
    after: paces.map(({ everyMs }, place) => Math.max(atMs, times[place]!) + everyMs),
  };
}

/** What is known of a pace whose other side asks for patience: nothing is sent for so long. */
export function heldFor({ burst, everyMs }: SendPace, known: number | undefined, nowMs: number, forMs: number): number {
  return Math.max(known ?? nowMs, nowMs + forMs + (burst - 1) * everyMs);
}
