/** What a load has come to. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

/**
 * Does one thing again and again, several at once, for a while.
 *
 * @param act is given a number of its own each time; the first failure ends the load
 */
export async function load(
  { concurrency, forMs }: { concurrency: number; forMs: number },
  act: (number: number) => Promise<void>,
): Promise<LoadResult> {
  const tookMs: number[] = [];
  const startedAt = performance.now();
  let number = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < forMs) {
      const begunAt = performance.now();
      await act(number++);
      tookMs.push(performance.now() - begunAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - startedAt) / 1_000;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: tookMs.length / seconds,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
    count: tookMs.length,
  };
}

/** Microseconds that one call takes, in the mean of the better half of several rounds: noise only ever adds. */
export function microsecondsOf(act: () => void, rounds = 20, perRound = 500): number {
  for (let warm = 0; warm < perRound; warm += 1) act();
  const took = Array.from({ length: rounds }, () => {
    const startedAt = performance.now();
    for (let call = 0; call < perRound; call += 1) act();
    return ((performance.now() - startedAt) * 1_000) / perRound;
  }).sort((a, b) => a - b);
  const better = took.slice(0, Math.ceil(rounds / 2));
  return better.reduce((sum, one) => sum + one, 0) / better.length;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
