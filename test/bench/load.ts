/** What a load has come to. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Does one thing again and again, several at once, for a while. The first failure ends it. */
export async function load(
  { concurrency, forMs }: { concurrency: number; forMs: number },
  act: () => Promise<void>,
): Promise<LoadResult> {
  const tookMs: number[] = [];
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < forMs) {
      const begunAt = performance.now();
      await act();
      tookMs.push(performance.now() - begunAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return resultOf(tookMs, startedAt);
}

/** Does one thing to each item, one after the other. The first failure ends it. */
export async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<LoadResult> {
  const tookMs: number[] = [];
  const startedAt = performance.now();
  for (const item of items) {
    const begunAt = performance.now();
    await act(item);
    tookMs.push(performance.now() - begunAt);
  }
  return resultOf(tookMs, startedAt);
}

/** What many took, begun at some time of `performance.now()`. */
export function resultOf(tookMs: number[], startedAt: number): LoadResult {
  const seconds = (performance.now() - startedAt) / 1_000;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: tookMs.length / seconds,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
    maxMs: tookMs.at(-1) ?? 0,
  };
}

const ROUNDS = 2;

/** Measures several things in turns, so that what else the machine does strikes all of them alike. @returns the mean of each, and the longest of all */
export async function inTurns(measures: readonly (() => Promise<LoadResult>)[]): Promise<LoadResult[]> {
  const results: LoadResult[][] = measures.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [place, measure] of measures.entries()) results[place]?.push(await measure());
  return results.map((rounds) => ({
    perSecond: mean(rounds.map((one) => one.perSecond)),
    p50Ms: mean(rounds.map((one) => one.p50Ms)),
    p99Ms: mean(rounds.map((one) => one.p99Ms)),
    maxMs: Math.max(...rounds.map((one) => one.maxMs)),
  }));
}

function mean(figures: readonly number[]): number {
  return figures.reduce((sum, one) => sum + one, 0) / Math.max(1, figures.length);
}

/** Microseconds that one call takes, in the mean of the better half of several rounds: noise only ever adds. */
export async function microsecondsOf(act: () => unknown, rounds = 20, perRound = 500): Promise<number> {
  for (let warm = 0; warm < perRound; warm += 1) await act();
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    for (let call = 0; call < perRound; call += 1) await act();
    took.push(((performance.now() - startedAt) * 1_000) / perRound);
  }
  const better = took.sort((a, b) => a - b).slice(0, Math.ceil(rounds / 2));
  return mean(better);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
