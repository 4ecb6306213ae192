/** Whoever takes over from somebody who died has asked, and told what came of it, within a minute of that. */
const LONGEST_LEASE_MS = 40_000;
const SHORTEST_LEASE_MS = 4_000;
/** Should its holder die, the next one still finds three quarters of the margin. */
const LEASE_OF_MARGIN = 1 / 4;
/** The longest call to a token endpoint. */
const LONGEST_CALL_MS = 15_000;
/** The other half of the lease is for the commit, and for a process that stands still. */
const CALL_OF_LEASE = 1 / 2;

/**
 * How long others keep away from a claimed refresh, in milliseconds. A token that is over already has nothing to hurry
 * for: its provider may be slow, and gets the longest call.
 *
 * @param remainingMs what is left of the access token, `null` if it has no known end
 */
export function leaseMs(remainingMs: number | null): number {
  if (remainingMs === null) return LONGEST_LEASE_MS;
  if (remainingMs <= 0) return LONGEST_CALL_MS / CALL_OF_LEASE;
  return Math.min(LONGEST_LEASE_MS, Math.max(SHORTEST_LEASE_MS, remainingMs * LEASE_OF_MARGIN));
}

/**
 * The same where a refresh token that may be spent is taken again for a while only: should its holder die, half of that is
 * left for the next one.
 *
 * @param graceLeftMs what is left of that while; nothing of it, or `null`: there is none to go by
 */
export function leaseWithinGraceMs(lease: number, graceLeftMs: number | null): number {
  if (graceLeftMs === null || graceLeftMs <= 0) return lease;
  return Math.min(lease, Math.max(SHORTEST_LEASE_MS, graceLeftMs / 2));
}

/** An answer that waits for the database is committed so long after that is back, if its process lives. */
const LONGEST_PATIENCE_MS = 5_000;
/** The other half of what a lease may cost, so that a short life is not waited away. */
const PATIENCE_OF_LEASE = 1 / 2;

/**
 * How long the database must have answered without a break before somebody else asks again for what was sent under a
 * lease that is over, in milliseconds: whoever holds its answer commits it first.
 *
 * @param lease the one that would be claimed now
 */
export function patienceMs(lease: number): number {
  return Math.min(LONGEST_PATIENCE_MS, lease * PATIENCE_OF_LEASE);
}

/** How long one call under such a lease may take, in milliseconds: its answer can still be saved before the lease ends. */
export function callMs(lease: number): number {
  return Math.min(LONGEST_CALL_MS, lease * CALL_OF_LEASE);
}
