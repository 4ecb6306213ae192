/** A demand that several callers at once had met keeps meeting those that come so soon after: one storm, one provider call. */
const STORM_MS = 2_000;

interface Demand<T> {
  readonly outcome: Promise<T>;
  waiting: number;
}

/** Merges equal demands: while one is under way, others of its key wait for the same outcome. */
export class MergedDemands<T> {
  private readonly underWay = new Map<string, Demand<T>>();

  /** The outcome of the demand under this key; `meet` runs only if none is under way. */
  async of(key: string, meet: () => Promise<T>): Promise<T> {
    const known = this.underWay.get(key);
    if (known) {
      known.waiting += 1;
      return known.outcome;
    }
    const demand: Demand<T> = { outcome: meet(), waiting: 1 };
    this.underWay.set(key, demand);
    void demand.outcome.then(
      () => this.forget(key, demand, demand.waiting > 1 ? STORM_MS : 0),
      () => this.forget(key, demand, 0),
    );
    return demand.outcome;
  }

  private forget(key: string, demand: Demand<T>, afterMs: number): void {
    const remove = (): void => {
      if (this.underWay.get(key) === demand) this.underWay.delete(key);
    };
    if (afterMs === 0) remove();
    else setTimeout(remove, afterMs).unref();
  }
}
