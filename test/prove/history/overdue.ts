import type { Recovery, Sample } from './history';

/**
 * From the end of a fault to the last look at which something had been due for too long, in milliseconds.
 *
 * @returns 0 if nothing had; Infinity if nobody looked, or if it was still so at the last look
 */
export function dueBackMs(samples: readonly Sample[], { from, until }: Recovery, mostMs: number): number {
  const looks = samples.filter(({ at }) => at >= from && at <= until);
  const last = looks.findLastIndex(({ oldestDueMs }) => oldestDueMs > mostMs);
  if (last === looks.length - 1) return Infinity; // also without any look
  return last === -1 ? 0 : (looks[last]?.at ?? Infinity) - from;
}
