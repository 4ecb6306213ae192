import type { DueKind, DueNotice, DueNotices, DueRepository, DueWork } from '@hub/database';
import {
  spannedHere,
  type JobConsumer,
  type JobOutcome,
  type JobProducer,
  type RedisConnections,
  type Work,
} from '@hub/queues';
import { inSpan, schedulerStarted, schedulerSucceeded, type HubLogger, type SchedulerName } from '@hub/telemetry';
import { FairRuns } from './fair-runs';
import { gapMs, nextLookMs, PATIENT_LOOKS, SHORTEST_LOOK_MS, watchAct, type QueueState } from './watch-plan';
import { wedgeOf, type LaneProgress } from './wedge';

/** One kind of work that is watched. */
export interface WatchDuty {
  readonly kind: DueKind;
  /** The usual interval between looks, in milliseconds. */
  readonly everyMs: number;
  /** Whether the row tells that somebody is at it. */
  readonly hasLease: boolean;
  /** Does one piece of work in this process, without the queue. Must be safe beside others who do the same. */
  readonly runHere: (work: Work) => Promise<JobOutcome>;
  /** Most that a provider's lane starts in a second; absent: as many as there are. */
  readonly perSecond?: (provider: string) => number | undefined;
  /** Called when the database answers again after it did not. */
  readonly atSight?: () => Promise<void>;
  /** Called at each look, such as to keep a scheduler in Redis alive. Nobody waits for what it begins. */
  readonly atLook?: () => void;
}

/** Each kind has a dead-man's switch of its own: one watch that goes on must not hide another that stands still. */
const SCHEDULERS: Readonly<Record<DueKind, SchedulerName>> = {
  refresh: 'overdue-watch',
  sync: 'overdue-watch-sync',
  revocation: 'overdue-watch-revocation',
  delivery: 'overdue-watch-delivery',
};

/** What is to be rung for: now, or at its time. */
interface ForQueue {
  readonly work: Work;
  readonly inMs: number | null;
}

/** Most that one look takes on of one provider, so that one which is ill hides nobody; the next look finds the rest. */
const SHARE = 1_000;
/** Notices that come together are taken up together. */
const HEAR_FOR_MS = 50;
/** Rings of a lane that share a round trip. */
const RINGS_AT_ONCE = 100;
/** A Redis that answers slowly holds up one look no longer than this and one answer; the next look goes on. */
const RING_FOR_MS = 4_000;
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
  /** Ids that the last look of a kind could not ring for in time. */
  private readonly leftOut = new Map<DueKind, ReadonlySet<string>>();
  /** What the last look of a kind found overdue, by provider, in milliseconds. */
  private readonly overdue = new Map<DueKind, ReadonlyMap<string, number>>();
  /** When a look of a kind last came to its end, by `performance.now()`. */
  private readonly lookedMs = new Map<DueKind, number>();
  private isStopped = false;
  private readonly blind = new Set<DueKind>();

  /** Its last argument: how many runs here may be under way, of all providers and of one. */
  constructor(
    private readonly due: DueRepository,
    private readonly notices: DueNotices,
    private readonly producer: JobProducer,
    private readonly consumer: JobConsumer,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
    { most, mostOfALane } = { most: MOST_RUNS, mostOfALane: MOST_RUNS_OF_A_PROVIDER },
  ) {
    this.runs = new FairRuns(most, mostOfALane, (error) => this.logger.failure('hub.worker.run_failed', error));
    this.notices.whenTried((isHeard) => {
      if (!isHeard)
        this.logger.warning('hub.notices.unheard', { fix: 'set DATABASE_NOTICES_URL to PostgreSQL itself' });
    });
  }

  /** Takes up a duty: looks at once, and then again and again; what somebody waits for is taken up as soon as it is noticed. */
  start(duty: WatchDuty): void {
    this.lookedMs.set(duty.kind, performance.now());
    schedulerStarted(SCHEDULERS[duty.kind]);
    void this.look(duty);
    const heard = new Map<string, Work>();
    this.notices.listen((notice) => {
      if (notice.kind !== duty.kind) return;
      if (heard.size === 0) this.after(HEAR_FOR_MS, () => void this.takeUp(duty, heard));
      heard.set(notice.id, toWork(notice));
    });
  }

  /** Why this process is to be started anew; `undefined` while it is well, and once it has been told to stop. */
  wedge(): string | undefined {
    if (this.isStopped || this.lookedMs.size === 0) return undefined;
    const lanes = [...this.overdue].flatMap(([kind, providers]) =>
      [...providers].map(([provider, overdueMs]) => this.progressOf(kind, provider, overdueMs)),
    );
    return wedgeOf({ sinceLookMs: performance.now() - Math.min(...this.lookedMs.values()), lanes });
  }

  private progressOf(kind: DueKind, provider: string, overdueMs: number): LaneProgress {
    const stillMs = Math.min(this.consumer.idleMs(kind, provider), this.runs.stillMs(provider));
    return { provider, overdueMs, stillMs, isHeld: this.runs.isHeld(provider) };
  }

  /** Looks no more, and comes back once what is done here has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.timers.forEach(clearTimeout);
    await this.runs.stop();
  }

  private async look(duty: WatchDuty): Promise<void> {
    const options = { askedBy: { traceparent: undefined } };
    const seen = await inSpan(`scheduler ${SCHEDULERS[duty.kind]}`, options, () => this.lookOnce(duty)).catch(
      (error: unknown) => this.noteBlindness(duty.kind, error),
    );
    this.lookedMs.set(duty.kind, performance.now());
    if (seen) this.overdue.set(duty.kind, overdueByProvider(seen));
    const nextMs = seen ? nextLookMs(seen, duty.everyMs, Math.random()) : SHORTEST_LOOK_MS;
    this.after(nextMs, () => void this.look(duty));
  }

  private async lookOnce(duty: WatchDuty): Promise<DueWork[]> {
    const seen = await this.due.shares(duty.kind, duty.everyMs, SHARE);
    if (this.blind.has(duty.kind)) await duty.atSight?.();
    this.blind.delete(duty.kind);
    const hasQueue = this.connections.available;
    // what is done here waits for no answer of Redis
    const forQueue = seen.flatMap((due) => this.attend(duty, due, hasQueue) ?? []);
    const before = this.leftOut.get(duty.kind);
    const isFirst = ({ work }: ForQueue): boolean => before?.has(work.id) ?? false;
    const left = await this.ringFor(duty, [...forQueue.filter(isFirst), ...forQueue.filter((one) => !isFirst(one))]);
    this.leftOut.set(duty.kind, new Set(left.map(({ work }) => work.id)));
    duty.atLook?.();
    schedulerSucceeded(SCHEDULERS[duty.kind]);
    return seen;
  }

  /** Whoever noticed it has rung as well, where Redis is there for him: one more ring changes nothing then. */
  private async takeUp(duty: WatchDuty, heard: Map<string, Work>): Promise<void> {
    const all = [...heard.values()].map((work) => ({ work, inMs: null }));
    heard.clear();
    if (this.connections.available) await this.ringFor({ ...duty, hasLease: false }, all);
    else for (const one of all) this.doWithoutQueue(duty, one);
  }

  /** One record for each time that the database is away. */
  private noteBlindness(kind: DueKind, error: unknown): void {
    if (this.blind.size === 0 && !this.isStopped) this.logger.failure('hub.watch.blind', error);
    this.blind.add(kind);
  }

  /** Begins what is done here. @returns what is the queue's */
  private attend(duty: WatchDuty, due: DueWork, hasQueue: boolean): ForQueue | undefined {
    const work = toWork(due);
    const queue = hasQueue ? this.queueState(duty, work.provider) : 'away';
    const act = watchAct(due, queue, duty.everyMs);
    switch (act.kind) {
      case 'ring':
        return { work, inMs: null };
      case 'schedule':
        return { work, inMs: act.inMs };
      case 'run_here':
        return void this.runHere(duty, work, queue);
      case 'look_again':
        return void this.runLater(duty, work, act.inMs);
    }
  }

  /** Rings in all lanes together, so that none waits for another. @returns those whom the time did not suffice for */
  private async ringFor(duty: WatchDuty, forQueue: readonly ForQueue[]): Promise<ForQueue[]> {
    const lanes = new Map<string, ForQueue[]>();
    for (const one of forQueue) lanes.set(one.work.provider, [...(lanes.get(one.work.provider) ?? []), one]);
    const endsAtMs = performance.now() + RING_FOR_MS;
    const left = await Promise.all([...lanes].map(([provider, lane]) => this.ringLane(duty, provider, lane, endsAtMs)));
    return left.flat();
  }

  /** @returns those that are left for the next look */
  private async ringLane(
    duty: WatchDuty,
    provider: string,
    lane: readonly ForQueue[],
    endsAtMs: number,
  ): Promise<readonly ForQueue[]> {
    let isTaken = true;
    for (let start = 0; start < lane.length; start += RINGS_AT_ONCE) {
      if (performance.now() > endsAtMs && isTaken) return lane.slice(start);
      const some = lane.slice(start, start + RINGS_AT_ONCE);
      // a Redis that has just taken nothing is not asked again
      isTaken = isTaken && (await this.ring(duty, provider, some));
      if (!isTaken) for (const one of some) this.doWithoutQueue(duty, one);
    }
    return [];
  }

  /** @returns false if Redis took nothing */
  private async ring(duty: WatchDuty, provider: string, some: readonly ForQueue[]): Promise<boolean> {
    const now = some.flatMap(({ work, inMs }) => (inMs === null ? work : []));
    const later = some.flatMap(({ work, inMs }) => (inMs === null ? [] : { work, delayMs: inMs }));
    const [outcomes, isScheduled] = await Promise.all([
      this.producer.ringAll(duty.kind, provider, now),
      this.producer.scheduleAll(duty.kind, provider, later),
    ]);
    // a job that runs while the row says that nobody is at it has lost its worker; its name keeps the next one out for a while
    if (duty.hasLease)
      for (const [place, work] of now.entries())
        if (outcomes[place] === 'under_way') this.runHere(duty, work, 'moving');
    return isScheduled && !outcomes.includes('lost');
  }

  private doWithoutQueue(duty: WatchDuty, { work, inMs }: ForQueue): void {
    if (inMs === null) this.runHere(duty, work, 'away');
    else this.runLater(duty, work, inMs);
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
    this.runs.add({ key: keyOf(duty, work), lane: provider, start: () => this.run(duty, work), gapMs: gap });
  }

  /** Whoever asks for patience is given it, here and by the queue. */
  private async run(duty: WatchDuty, work: Work): Promise<void> {
    const outcome = await spannedHere(duty.kind, work, () => duty.runHere(work));
    if (typeof outcome !== 'object' || !('holdLaneMs' in outcome)) return;
    this.runs.hold(work.provider, outcome.holdLaneMs);
    if (this.connections.available) await this.producer.hold(duty.kind, work.provider, outcome.holdLaneMs);
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

/** The oldest of what is due and that nobody is at. */
function overdueByProvider(seen: readonly DueWork[]): Map<string, number> {
  const oldest = new Map<string, number>();
  for (const { provider, dueInMs, leasedForMs } of seen)
    if (leasedForMs === null) oldest.set(provider, Math.max(oldest.get(provider) ?? 0, -dueInMs));
  return oldest;
}

function keyOf(duty: WatchDuty, work: Work): string {
  return `${duty.kind} ${work.id}`;
}

function toWork({ id, orgId, provider, epoch }: DueWork | DueNotice): Work {
  return { id, orgId, provider, epoch };
}
