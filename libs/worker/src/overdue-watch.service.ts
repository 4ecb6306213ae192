import type { DueKind, DueRepository, DueWork } from '@hub/database';
import type { JobConsumer, JobProducer, RedisConnections, RingOutcome, Work } from '@hub/queues';
import type { HubLogger } from '@hub/telemetry';
import { FairRuns } from './fair-runs';
import { gapMs, nextLookMs, PATIENT_LOOKS, SHORTEST_LOOK_MS, watchAct, type QueueState } from './watch-plan';

/** One kind of work that is watched. */
export interface WatchDuty {
  readonly kind: DueKind;
  /** The usual interval between looks, in milliseconds. */
  readonly everyMs: number;
  /** Whether the row tells that somebody is at it. */
  readonly hasLease: boolean;
  /** Does one piece of work in this process, without the queue. Must be safe beside others who do the same. */
  readonly runHere: (work: Work) => Promise<unknown>;
  /** Most that a provider's lane starts in a second; absent: as many as there are. */
  readonly perSecond?: (provider: string) => number | undefined;
  /** Called when the database answers again after it did not. */
  readonly atSight?: () => Promise<void>;
  /** Called at each look, such as to keep a scheduler in Redis alive. Nobody waits for what it begins. */
  readonly atLook?: () => void;
}

/** Most that one look takes on of one provider, so that one which is ill hides nobody; the next look finds the rest. */
const SHARE = 1_000;
const RINGS_AT_ONCE = 25;
const MOST_RUNS = 32;
const MOST_RUNS_OF_A_PROVIDER = 8;

/**
 * Looks into the rows by a plain timer and rings again for what is due: what Redis has lost, and what nobody rang for.
 * Without a queue that moves it does the work here, and always what has little life left. No leader, no lock: whoever
 * does the work finds out by the row whether it is still to be done.
 */
export class OverdueWatch {
  private readonly runs: FairRuns;
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly awaited = new Set<string>();
  private isStopped = false;
  private readonly blind = new Set<DueKind>();

  constructor(
    private readonly due: DueRepository,
    private readonly producer: JobProducer,
    private readonly consumer: JobConsumer,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
  ) {
    this.runs = new FairRuns(MOST_RUNS, MOST_RUNS_OF_A_PROVIDER, (error) =>
      this.logger.failure('hub.worker.run_failed', error),
    );
  }

  /** Takes up a duty: looks at once, and then again and again. */
  start(duty: WatchDuty): void {
    void this.look(duty);
  }

  /** Looks no more, and comes back once what is done here has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.timers.forEach(clearTimeout);
    await this.runs.stop();
  }

  private async look(duty: WatchDuty): Promise<void> {
    const seen = await this.lookOnce(duty).catch((error: unknown) => this.noteBlindness(duty.kind, error));
    const nextMs = seen ? nextLookMs(seen, duty.everyMs, Math.random()) : SHORTEST_LOOK_MS;
    this.after(nextMs, () => void this.look(duty));
  }

  private async lookOnce(duty: WatchDuty): Promise<DueWork[]> {
    const seen = await this.due.shares(duty.kind, duty.everyMs, SHARE);
    if (this.blind.has(duty.kind)) await duty.atSight?.();
    this.blind.delete(duty.kind);
    let hasQueue = this.connections.available;
    for (let start = 0; start < seen.length; start += RINGS_AT_ONCE) {
      const batch = seen.slice(start, start + RINGS_AT_ONCE);
      const taken = await Promise.all(batch.map((work) => this.attend(duty, work, hasQueue)));
      // a Redis that is there but does not answer costs each ring its whole patience: one batch is enough
      hasQueue &&= taken.every(Boolean);
    }
    duty.atLook?.();
    return seen;
  }

  /** One record for each time that the database is away. */
  private noteBlindness(kind: DueKind, error: unknown): void {
    if (this.blind.size === 0 && !this.isStopped) this.logger.failure('hub.watch.blind', error);
    this.blind.add(kind);
  }

  /** @returns false if Redis took nothing */
  private async attend(duty: WatchDuty, due: DueWork, hasQueue: boolean): Promise<boolean> {
    const work = toWork(due);
    const queue = hasQueue ? this.queueState(duty, work.provider) : 'away';
    const act = watchAct(due, queue, duty.everyMs);
    switch (act.kind) {
      case 'ring':
        return this.ring(duty, work);
      case 'schedule':
        return this.schedule(duty, work, act.inMs);
      case 'run_here':
        this.runHere(duty, work, queue);
        return true;
      case 'look_again':
        this.runLater(duty, work, act.inMs);
        return true;
    }
  }

  private async ring(duty: WatchDuty, work: Work): Promise<boolean> {
    const outcome = await this.producer.ringAndTell(duty.kind, work);
    if (isInVain(outcome, duty)) this.runHere(duty, work, outcome === 'lost' ? 'away' : 'moving');
    return outcome !== 'lost';
  }

  private async schedule(duty: WatchDuty, work: Work, inMs: number): Promise<boolean> {
    const isTaken = await this.producer.schedule(duty.kind, work, inMs);
    if (!isTaken) this.runLater(duty, work, inMs);
    return isTaken;
  }

  /** A timer of this process stands in for the queue. */
  private runLater(duty: WatchDuty, work: Work, inMs: number): void {
    const key = keyOf(duty, work);
    if (this.awaited.has(key)) return;
    this.awaited.add(key);
    this.after(inMs, () => {
      this.awaited.delete(key);
      this.runHere(duty, work, 'away');
    });
  }

  private runHere(duty: WatchDuty, work: Work, queue: QueueState): void {
    const { provider } = work;
    const gap = gapMs(queue, duty.perSecond?.(provider));
    this.runs.add({ key: keyOf(duty, work), lane: provider, start: () => duty.runHere(work), gapMs: gap });
  }

  private queueState({ kind, everyMs }: WatchDuty, provider: string): QueueState {
    return this.consumer.idleMs(kind, provider) > PATIENT_LOOKS * everyMs ? 'still' : 'moving';
  }

  private after(ms: number, act: () => void): void {
    if (this.isStopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, ms);
    this.timers.add(timer);
  }
}

/** A job that runs while the row says that nobody is at it has lost its worker; its name keeps the next one out for a while. */
function isInVain(outcome: RingOutcome, duty: WatchDuty): boolean {
  return outcome === 'lost' || (outcome === 'under_way' && duty.hasLease);
}

function keyOf(duty: WatchDuty, work: Work): string {
  return `${duty.kind} ${work.id}`;
}

function toWork({ id, orgId, provider, epoch }: DueWork): Work {
  return { id, orgId, provider, epoch };
}
