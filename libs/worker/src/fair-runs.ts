/** Something to be run, at most once at a time under its key. */
interface Run {
  readonly key: string;
  readonly lane: string;
  readonly start: () => Promise<unknown>;
}

/**
 * Runs many things with bounded concurrency. They stand in lanes, such as one for each provider; the lanes take turns and
 * none takes more than its share, so that a slow one holds up nobody else.
 */
export class FairRuns {
  private readonly lanes = new Map<string, Run[]>();
  private readonly keys = new Set<string>();
  private readonly runningInLane = new Map<string, number>();
  private running = 0;
  private isStopped = false;
  private readonly idlers: (() => void)[] = [];

  /**
   * @param most        how many run at once
   * @param mostOfALane how many of one lane run at once
   * @param onError     hears of what a run throws
   */
  constructor(
    private readonly most: number,
    private readonly mostOfALane: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Puts a run into its lane. One whose key waits or runs already is left out. */
  add(run: Run): void {
    if (this.isStopped || this.keys.has(run.key)) return;
    this.keys.add(run.key);
    this.lanes.set(run.lane, [...(this.lanes.get(run.lane) ?? []), run]);
    this.startNext();
  }

  /** Starts nothing more, and comes back once what runs has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.lanes.clear();
    if (this.running > 0) await new Promise<void>((resolve) => this.idlers.push(resolve));
  }

  private startNext(): void {
    while (this.running < this.most) {
      const run = this.takeNext();
      if (!run) return;
      this.count(run.lane, 1);
      void Promise.resolve()
        .then(run.start)
        .catch(this.onError)
        .finally(() => this.finish(run));
    }
  }

  /** The first of the next lane that has a run and room for it; that lane goes to the end of the row. */
  private takeNext(): Run | undefined {
    for (const [lane, waiting] of this.lanes) {
      if ((this.runningInLane.get(lane) ?? 0) >= this.mostOfALane) continue;
      const [run, ...rest] = waiting;
      this.lanes.delete(lane);
      if (rest.length > 0) this.lanes.set(lane, rest);
      if (run) return run;
    }
    return undefined;
  }

  private finish(run: Run): void {
    this.keys.delete(run.key);
    this.count(run.lane, -1);
    this.startNext();
    if (this.running === 0) this.idlers.splice(0).forEach((resolve) => resolve());
  }

  private count(lane: string, change: 1 | -1): void {
    this.running += change;
    this.runningInLane.set(lane, (this.runningInLane.get(lane) ?? 0) + change);
  }
}
