import { setTimeout as sleep } from 'node:timers/promises';

/** A demand is held so long before it is met: callers that come at the same moment share one provider call. */
const HOLD_MS = 60;
/** Once a demand has met several callers, those that still keep coming are of the same storm; so long a silence ends it. */
const SILENCE_MS = 250;
/** However long a storm lasts, after so long it is met anew. */
const LONGEST_STORM_MS = 3_000;

interface Demand<T> {
  readonly outcome: Promise<T>;
  waiting: number;
  lastComeMs: number;
}

/** Merges equal demands: while one is under way, others of its key wait for the same outcome. */
export class MergedDemands<T> {
  private readonly underWay = new Map<string, Demand<T>>();

  /** The outcome of the demand under this key; `meet` runs only if none is under way. */
  async of(key: string, meet: () => Promise<T>): Promise<T> {
    const known = this.underWay.get(key);
    if (known) {
      known.waiting += 1;
      known.lastComeMs = performance.now();
      return known.outcome;
    }
    const demand: Demand<T> = { outcome: sleep(HOLD_MS).then(meet), waiting: 1, lastComeMs: performance.now() };
    this.underWay.set(key, demand);
    this.forgetAfter(key, demand);
    return demand.outcome;
  }

  /** In the very moment of the outcome, so that whoever asks again because of it is met anew; after a storm, once that is over. */
  private forgetAfter(key: string, demand: Demand<T>): void {
    const forget = (): void => void this.underWay.delete(key);
    void demand.outcome.then(() => {
      if (demand.waiting > 1) void silence(demand).then(forget);
      else forget();
    }, forget);
  }
}

/** Waits until nobody has come for a while. */
async function silence(demand: Demand<unknown>): Promise<void> {
  const metMs = performance.now();
  for (;;) {
    const now = performance.now();
    const leftMs = Math.min(demand.lastComeMs + SILENCE_MS, metMs + LONGEST_STORM_MS) - now;
    if (leftMs <= 0) return;
    await sleep(leftMs, undefined, { ref: false });
  }
}
