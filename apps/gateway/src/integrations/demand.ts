import { setTimeout as sleep } from 'node:timers/promises';

/** A demand is held so long before it is met: callers that come at the same moment share one provider call. */
const HOLD_MS = 60;
/** Requests that had arrived before an outcome may be read so long after it, when thousands come at once. */
const REMEMBERED_MS = 5_000;
/** So many equal demands at once are a storm: one mistake or one event, sent by many. */
const STORM = 10;
/** Those that still keep coming are of the same storm; so long a silence ends it. */
const SILENCE_MS = 250;
/** However long a storm lasts, after so long it is met anew. */
const LONGEST_STORM_MS = 3_000;

interface Demand<T> {
  readonly outcome: Promise<T>;
  /** The monotonic time of the outcome; `undefined` while it is under way. */
  metMs: number | undefined;
  callers: number;
  lastArrivedMs: number;
}

/**
 * Merges equal demands. A request that arrived before an outcome overlapped with what led to it, so the outcome is its
 * own; one that arrived later is met anew, unless it is the tail of a storm.
 */
export class MergedDemands<T> {
  private readonly latest = new Map<string, Demand<T>>();

  /**
   * The outcome of the demand under this key.
   *
   * @param arrivedMs when the request arrived, by `performance.now()`
   * @param meet      runs only if no demand of the key covers that moment
   */
  async of(key: string, arrivedMs: number, meet: () => Promise<T>): Promise<T> {
    const known = this.latest.get(key);
    if (known && covers(known, arrivedMs)) {
      known.callers += 1;
      known.lastArrivedMs = Math.max(known.lastArrivedMs, arrivedMs);
      return known.outcome;
    }
    const outcome = sleep(HOLD_MS).then(meet);
    const demand: Demand<T> = { outcome, metMs: undefined, callers: 1, lastArrivedMs: arrivedMs };
    this.latest.set(key, demand);
    demand.outcome.then(
      () => this.remember(key, demand),
      () => this.forget(key, demand), // told to all who waited; whoever asks now is met anew
    );
    return demand.outcome;
  }

  private remember(key: string, demand: Demand<T>): void {
    demand.metMs = performance.now();
    setTimeout(() => this.forget(key, demand), REMEMBERED_MS).unref();
  }

  private forget(key: string, demand: Demand<T>): void {
    if (this.latest.get(key) === demand) this.latest.delete(key);
  }
}

function covers({ metMs, callers, lastArrivedMs }: Demand<unknown>, arrivedMs: number): boolean {
  if (metMs === undefined || arrivedMs <= metMs) return true;
  return callers >= STORM && arrivedMs <= lastArrivedMs + SILENCE_MS && arrivedMs <= metMs + LONGEST_STORM_MS;
}
