import { afterThrottle, FULL_PACE, shareAt, type LanePace } from './lane-pace';

/** Something to be run, at most once at a time under its key. */
interface Run {
  readonly key: string;
  readonly lane: string;
  readonly start: () => Promise<unknown>;
  /** Least time since the last start in its lane, in milliseconds; absent: none. */
  readonly gapMs?: number;
}

/**
 * Runs many things with bounded concurrency. They stand in lanes, such as one for each provider; the lanes take turns and
 * none takes more than its share, so that a slow one holds up nobody else. A lane may have a pace as well, which a throttle
 * halves for a while.
 */
export class FairRuns {
  private readonly lanes = new Map<string, Run[]>();
  private readonly keys = new Set<string>();
  private readonly runningInLane = new Map<string, number>();
  private readonly startedMs = new Map<string, number>();
  private readonly movedMs = new Map<string, number>();
  private readonly heldUntilMs = new Map<string, number>();
  private readonly paces = new Map<string, LanePace>();
  private wake: NodeJS.Timeout | undefined;
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

  /** The other side asks for patience: the lane starts nothing for a while, and then goes on at half of its pace. */
  hold(lane: string, forMs: number): void {
    const nowMs = performance.now();
    const untilMs = this.heldUntilMs.get(lane) ?? -Infinity;
    // those that ran side by side hear of one throttle
    if (untilMs <= nowMs) this.paces.set(lane, afterThrottle(this.paces.get(lane) ?? FULL_PACE, nowMs));
    this.heldUntilMs.set(lane, Math.max(untilMs, nowMs + forMs));
    this.wakeForPace();
  }

  /** Whether a lane starts nothing for the present, since the other side asked for patience. */
  isHeld(lane: string): boolean {
    return (this.heldUntilMs.get(lane) ?? -Infinity) > performance.now();
  }

  /** Since a run of a lane last began or ended, in milliseconds; `Infinity`: none ever did. */
  stillMs(lane: string): number {
    return performance.now() - (this.movedMs.get(lane) ?? -Infinity);
  }

  /** Starts nothing more, and comes back once what runs has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.wake);
    this.lanes.clear();
    if (this.running > 0) await new Promise<void>((resolve) => this.idlers.push(resolve));
  }

  private startNext(): void {
    while (this.running < this.most) {
      const run = this.takeNext();
      if (!run) break;
      this.startedMs.set(run.lane, performance.now());
      this.count(run.lane, 1);
      void Promise.resolve()
        .then(run.start)
        .catch(this.onError)
        .finally(() => this.finish(run));
    }
    this.wakeForPace();
  }

  /** The first of the next lane that has a run, room and leave for it; that lane goes to the end of the row. */
  private takeNext(): Run | undefined {
    for (const [lane, waiting] of this.lanes) {
      const [run, ...rest] = waiting;
      if (!run || !this.hasRoom(lane) || this.pauseMs(run) > 0) continue;
      this.lanes.delete(lane);
      if (rest.length > 0) this.lanes.set(lane, rest);
      return run;
    }
    return undefined;
  }

  private hasRoom(lane: string): boolean {
    return (this.runningInLane.get(lane) ?? 0) < this.mostOfALane;
  }

  /** How long the pace of its lane, or a wish for patience, still keeps a run back. */
  private pauseMs({ lane, gapMs = 0 }: Run): number {
    const nowMs = performance.now();
    const pace = shareAt(this.paces.get(lane) ?? FULL_PACE, nowMs);
    const pacedMs = (this.startedMs.get(lane) ?? -Infinity) + gapMs / pace;
    return Math.max(pacedMs, this.heldUntilMs.get(lane) ?? -Infinity) - nowMs;
  }

  /** The end of a run wakes those who wait for room; those who wait for their pace need a timer. */
  private wakeForPace(): void {
    clearTimeout(this.wake);
    if (this.isStopped || this.running >= this.most) return;
    const next = [...this.lanes].filter(([lane]) => this.hasRoom(lane)).flatMap(([, waiting]) => waiting.slice(0, 1));
    if (next.length > 0)
      this.wake = setTimeout(() => this.startNext(), Math.max(1, Math.min(...next.map((run) => this.pauseMs(run)))));
  }

  private finish(run: Run): void {
    this.keys.delete(run.key);
    this.count(run.lane, -1);
    this.startNext();
    if (this.running === 0) this.idlers.splice(0).forEach((resolve) => resolve());
  }

  private count(lane: string, change: 1 | -1): void {
    this.running += change;
    this.movedMs.set(lane, performance.now());
    this.runningInLane.set(lane, (this.runningInLane.get(lane) ?? 0) + change);
  }
}
