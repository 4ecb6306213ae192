import { setTimeout } from 'node:timers/promises';
import type { HubConfig } from '@hub/config';
import { inSpan, type HubLogger } from '@hub/telemetry';
import { UnrecoverableError, Worker, type Job } from 'bullmq';
import { countStalled, recordEnd, recordStart, tellJobs } from './job-metrics';
import type { JobProducer } from './job.producer';
import { errorOf, type JobOutcome } from './job-outcome';
import { messageFacts, ringerOf, workFacts } from './job-spans';
import { JOBS, ladderBackoff, queueName, type JobName, type Work } from './queue-catalog';
import type { RedisConnections } from './redis-connections';

/** A lock lives so long without renewal; a blocked event loop may lose it, and then the row's lease still stands. */
const LOCK_MS = 60_000;
/** A job may be taken over so often after its worker died, before it is given up; the row would still ring it again. */
const MAX_STALLED = 3;
/** Longer than any job runs: a refresh that was sent is finished. */
const DRAIN_MS = 30_000;
/** Once no job runs here any more, BullMQ gets so long to say goodbye. */
const FAREWELL_MS = 5_000;
const DRAIN_LOOK_MS = 50;
/** A lane's pace is kept in short stretches: all of a second's starts at once would meet those of the next at the provider. */
const STRETCHES_IN_SECOND = 4;

/** The queue of one provider: a slow one holds up nobody else. */
export interface Lane {
  readonly provider: string;
  /** Most jobs that all workers together start in a second; absent: as many as there are. */
  readonly perSecond?: number;
}

/** Takes work from the queues of all providers. */
export class JobConsumer {
  private readonly workers: Worker[] = [];
  /** Jobs that come again: their name is free for the next one only after this one has left the queue. */
  private readonly again = new Map<string, number>();
  /** When a job of a lane last began or ended here, by `performance.now()`. */
  private readonly movedMs = new Map<string, number>();
  /** Jobs that run here now, by their kind. */
  private readonly inFlight = new Map<JobName, number>();
  private readonly gauges: (() => void)[] = [];

  constructor(
    private readonly config: Pick<HubConfig, 'redisPrefix'>,
    private readonly connections: RedisConnections,
    private readonly producer: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** Starts taking work. `handle` must not throw for expected refusals; what it throws is a bug, and the row rings again. */
  start(job: JobName, lanes: readonly Lane[], handle: (work: Work, attempt: number) => Promise<JobOutcome>): void {
    for (const { provider, perSecond } of lanes) {
      const worker = new Worker(queueName(job, provider), (item: Job) => this.run(job, item, handle), {
        connection: this.connections.forConsumer(),
        prefix: this.config.redisPrefix,
        concurrency: JOBS[job].concurrency,
        lockDuration: LOCK_MS,
        maxStalledCount: MAX_STALLED,
        skipVersionCheck: true,
        settings: { backoffStrategy: ladderBackoff },
        ...(perSecond !== undefined && { limiter: limiterOf(perSecond) }),
      });
      worker.on('error', () => undefined); // RedisConnections tells of outages, once
      worker.on('completed', (item: Job) => void this.scheduleAgain(job, item));
      worker.on('stalled', () => {
        countStalled(job);
        this.logger.warning('worker.job_stalled', { queue: JOBS[job].queue, provider });
      });
      this.workers.push(worker);
      this.noteMove(job, provider);
    }
    const providers = lanes.map(({ provider }) => provider);
    const busy = (): number => this.inFlight.get(job) ?? 0;
    this.gauges.push(
      tellJobs(job, lanes.length * JOBS[job].concurrency, busy, () => this.producer.queued(job, providers)),
    );
  }

  /** For how long no job of a lane has begun or ended in this process, in milliseconds; 0 for a lane that nobody takes from here. */
  idleMs(job: JobName, provider: string): number {
    const movedMs = this.movedMs.get(queueName(job, provider));
    return movedMs === undefined ? 0 : performance.now() - movedMs;
  }

  private noteMove(job: JobName, provider: string): void {
    this.movedMs.set(queueName(job, provider), performance.now());
  }

  private async run(
    job: JobName,
    item: Job,
    handle: (work: Work, attempt: number) => Promise<JobOutcome>,
  ): Promise<void> {
    const parsed = JOBS[job].schema.safeParse(item.data);
    recordStart(job, item);
    if (!parsed.success) {
      recordEnd(job, 0, 'malformed');
      throw new UnrecoverableError('malformed job');
    }
    const { provider } = parsed.data;
    this.begin(job, 1);
    this.noteMove(job, provider);
    const startedMs = performance.now();
    let broken: string | undefined;
    const outcome = await this.spanned(job, item, parsed.data, handle)
      .catch((error: unknown): JobOutcome => {
        broken = error instanceof Error ? error.name : typeof error;
        this.logger.failure('worker.job_failed', error, {
          queue: JOBS[job].queue,
          provider,
          integration: parsed.data.id,
        });
        return 'try_again';
      })
      .finally(() => this.begin(job, -1));
    recordEnd(job, performance.now() - startedMs, broken ?? errorOf(outcome));
    this.noteMove(job, provider);
    if (typeof outcome === 'object') {
      if ('againInMs' in outcome) this.again.set(item.id ?? '', outcome.againInMs);
      else await this.producer.hold(job, provider, outcome.holdLaneMs);
    }
    if (outcome === 'try_again') throw new Error('try again');
    if (outcome === 'give_up') throw new UnrecoverableError('gave up');
  }

  /** A job is a trace of its own, linked to the one that rang for it. */
  private spanned(
    job: JobName,
    item: Job,
    work: Work,
    handle: (work: Work, attempt: number) => Promise<JobOutcome>,
  ): Promise<JobOutcome> {
    const attempt = item.attemptsMade + 1;
    const options = {
      kind: 'consumer',
      askedBy: { traceparent: ringerOf(item) },
      facts: { ...messageFacts(job, 'process'), ...workFacts(work), 'hub.attempt': attempt },
      failureOf: errorOf,
    } as const;
    return inSpan(`process ${JOBS[job].queue}`, options, () => handle(work, attempt));
  }

  private async scheduleAgain(job: JobName, item: Job): Promise<void> {
    const delayMs = this.again.get(item.id ?? '');
    this.again.delete(item.id ?? '');
    if (delayMs !== undefined) await this.producer.schedule(job, item.data as Work, delayMs);
  }

  private begin(job: JobName, more: 1 | -1): void {
    this.inFlight.set(job, (this.inFlight.get(job) ?? 0) + more);
  }

  /** How many jobs run here now. */
  get running(): number {
    return [...this.inFlight.values()].reduce((sum, running) => sum + running, 0);
  }

  /** Takes no more work, waits for what is under way, and in any case comes back within its budget. */
  async drain(): Promise<void> {
    for (const end of this.gauges.splice(0)) end();
    const endsAt = performance.now() + DRAIN_MS;
    await Promise.all(this.workers.map((worker) => worker.pause(true)));
    while (this.running > 0 && performance.now() < endsAt) await setTimeout(DRAIN_LOOK_MS);
    await this.connections.known();
    // without Redis BullMQ never comes back from a polite farewell (#2430)
    const isRude = !this.connections.available;
    const closed = Promise.allSettled(this.workers.map((worker) => worker.close(isRude)));
    await Promise.race([closed, setTimeout(FAREWELL_MS, undefined, { ref: false })]);
  }
}

/** BullMQ counts starts in stretches of time: as many as fit, and a stretch for just as many. */
function limiterOf(perSecond: number): { max: number; duration: number } {
  const max = Math.max(1, Math.round(perSecond / STRETCHES_IN_SECOND));
  return { max, duration: Math.ceil((max * 1_000) / perSecond) };
}
