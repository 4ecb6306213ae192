import fc from 'fast-check';
import { live, type Story } from './one-token';
import { HUB_RULES } from './rules';
import { worlds } from './world';

const DAY_MS = 24 * 3_600_000;
/** Worlds of one seed of fast-check's. */
const BATCH = 250;

/** How many worlds, and how long each. */
export interface Lives {
  readonly seed: number;
  readonly worlds: number;
  readonly days: number;
  readonly troubles: number;
}

export interface LivesLived extends Story {
  /** What broke first, with the smallest world that shows it. */
  readonly broken: string | null;
}

/** Lives many worlds, up to the first broken invariant. */
export function liveAll({ seed, worlds: count, days, troubles }: Lives): LivesLived {
  let sum: Story = { refreshes: 0, attempts: 0, crashes: 0, excusedLapses: 0 };
  for (let lived = 0; lived < count; lived += BATCH) {
    const property = fc.property(worlds(days * DAY_MS, { troubles }), (world) => {
      sum = added(sum, live(world, HUB_RULES));
    });
    const result = fc.check(property, { seed: seed + lived, numRuns: Math.min(BATCH, count - lived) });
    if (result.failed) {
      const broken = `${String(result.errorInstance)} (fast-check seed ${seed + lived}, ${JSON.stringify(result.counterexample)})`;
      return { ...sum, broken };
    }
  }
  return { ...sum, broken: null };
}

function added(one: Story, other: Story): Story {
  return {
    refreshes: one.refreshes + other.refreshes,
    attempts: one.attempts + other.attempts,
    crashes: one.crashes + other.crashes,
    excusedLapses: one.excusedLapses + other.excusedLapses,
  };
}
