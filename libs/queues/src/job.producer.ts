import type { HubConfig } from '@hub/config';
import { inSpan, traceparentNow, type HubLogger } from '@hub/telemetry';
import { Queue, type BulkJobOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { QueuedJobs } from './job-metrics';
import { messageFacts } from './job-spans';
import { JOBS, jobOptions, queueName, type JobName, type Work } from './queue-catalog';
import type { RedisConnections } from './redis-connections';
import { RedisHearing } from './redis-hearing';

/**
 * What came of a ring: the work stands in its queue; or a job of its name runs already, or its worker has died and nobody
 * has noticed yet; or Redis took nothing.
 */
export type RingOutcome = 'rung' | 'under_way' | 'lost';

/** One bell: which job, for which work. */
export interface Ring {
  readonly job: JobName;
  readonly work: Work;
}

/** Rings of a crowd that are on their way at once. */
const RINGS_AT_ONCE = 100;

/** Rings for work. A ring that is lost costs nothing but time: the row says what is due, and the overdue watch rings again. */
export class JobProducer {
  private readonly queues = new Map<string, Queue>();
  private readonly connection: Redis;
  private readonly hearing = new RedisHearing();

  constructor(
    private readonly config: Pick<HubConfig, 'redisPrefix'>,
    connections: RedisConnections,
    private readonly logger: HubLogger,
  ) {
    this.connection = connections.forProducer();
  }

  /** Puts work into its queue for later. Work that stands there already stays as it is. @returns false if Redis took nothing */
  async schedule(job: JobName, work: Work, delayMs: number): Promise<boolean> {
    return this.scheduleAll(job, work.provider, [{ work, delayMs }]);
  }

  /** The same for much work of one provider, in one round trip. */
  async scheduleAll(
    job: JobName,
    provider: string,
    all: readonly { readonly work: Work; readonly delayMs: number }[],
  ): Promise<boolean> {
    const jobs = () => all.map(({ work, delayMs }) => entryOf(job, work, Math.max(0, Math.round(delayMs))));
    const facts = {
      ...messageFacts(job, 'schedule'),
      'hub.provider': provider,
      'messaging.batch.message_count': all.length,
    };
    const options = { kind: 'producer', onlyWithin: true, facts } as const;
    const add = (): Promise<unknown> => this.guarded(job, provider, (queue) => queue.addBulk(jobs()));
    return (await inSpan(`schedule ${JOBS[job].queue}`, options, add)) !== undefined;
  }

  /** Rings for work now: a job of that name that waits for its hour is pulled forward. @returns false if Redis took nothing */
  async ring(job: JobName, work: Work): Promise<boolean> {
    const [outcome] = await this.ringAll(job, work.provider, [work]);
    return outcome !== 'lost';
  }

  /** The same for much work of one provider, in one round trip. @returns what came of each ring */
  async ringAll(job: JobName, provider: string, all: readonly Work[]): Promise<RingOutcome[]> {
    const facts = {
      ...messageFacts(job, 'send'),
      'hub.provider': provider,
      'messaging.batch.message_count': all.length,
    };
    const options = { kind: 'producer', onlyWithin: true, facts, failureOf: ringFailure } as const;
    return inSpan(`send ${JOBS[job].queue}`, options, () => this.ringBatch(job, provider, all));
  }

  private async ringBatch(job: JobName, provider: string, all: readonly Work[]): Promise<RingOutcome[]> {
    const ids = all.map((work) => JOBS[job].jobId(work));
    const traceparent = traceparentNow();
    const states = await this.guarded(job, provider, async (queue) => {
      const jobs = queue.getBackend();
      // sent one behind the other without waiting: what a job is before it is rung for, then the two halves of the ring,
      // of which each does nothing where it is the other's turn
      const [before] = await Promise.all([
        Promise.all(ids.map((id) => jobs.getState(id))),
        traceparent && Promise.all(ids.map((id) => jobs.updateProgress(id, traceparent).catch(ignoreUnlessLost))),
        Promise.all(ids.map((id) => jobs.promote(id).catch(ignoreUnlessLost))),
        queue.addBulk(all.map((work) => entryOf(job, work, 0))),
      ]);
      return before;
    });
    if (!states) return all.map(() => 'lost');
    return states.map((state) => (state === 'active' ? 'under_way' : 'rung'));
  }

  /**
   * Rings for a crowd of all kinds. A Redis that is there and does not answer costs each ring its whole patience, so the
   * first that is lost is the end of it.
   *
   * @returns false if Redis took not all
   */
  async ringCrowd(rings: readonly Ring[]): Promise<boolean> {
    const lanes = new Map<string, Ring[]>();
    for (const ring of rings) {
      const name = queueName(ring.job, ring.work.provider);
      lanes.set(name, [...(lanes.get(name) ?? []), ring]);
    }
    for (const lane of lanes.values()) if (!(await this.ringLane(lane))) return false;
    return true;
  }

  private async ringLane(lane: readonly Ring[]): Promise<boolean> {
    for (let start = 0; start < lane.length; start += RINGS_AT_ONCE) {
      const batch = lane.slice(start, start + RINGS_AT_ONCE);
      const outcomes = await this.ringAll(
        batch[0]!.job,
        batch[0]!.work.provider,
        batch.map(({ work }) => work),
      );
      if (outcomes.includes('lost')) return false;
    }
    return true;
  }

  /** Lets a provider's lane start nothing for a while, in all workers. @returns false if Redis took nothing */
  async hold(job: JobName, provider: string, forMs: number): Promise<boolean> {
    const isHeld = await this.guarded(job, provider, async (queue) => {
      await queue.rateLimit(Math.round(forMs));
      return true;
    });
    return isHeld === true;
  }

  /** How many jobs of a kind Redis holds for these providers together. @returns `undefined` if it does not say so */
  async queued(job: JobName, providers: readonly string[]): Promise<QueuedJobs | undefined> {
    const sum = { waiting: 0, active: 0, delayed: 0 };
    const all = await Promise.all(
      providers.map((provider) =>
        this.guarded(job, provider, (queue) => queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed')),
      ),
    );
    for (const counts of all) {
      if (!counts) return undefined;
      sum.waiting += (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0);
      sum.active += counts['active'] ?? 0;
      sum.delayed += counts['delayed'] ?? 0;
    }
    return sum;
  }

  /** @returns `undefined` if Redis took nothing */
  private async guarded<T>(job: JobName, provider: string, act: (queue: Queue) => Promise<T>): Promise<T | undefined> {
    if (!this.hearing.isGood) return undefined;
    try {
      return await act(this.queue(queueName(job, provider)));
    } catch (error) {
      this.hearing.note(error as Error); // a refresh waits for its ring
      this.logger.warning('queue.ring_lost', {
        queue: JOBS[job].queue,
        provider,
        'error.type': (error as Error).name,
      });
      return undefined;
    }
  }

  private queue(name: string): Queue {
    const known = this.queues.get(name);
    if (known) return known;
    const queue = new Queue(name, {
      connection: this.connection,
      prefix: this.config.redisPrefix,
      skipVersionCheck: true,
      skipWaitingForReady: true,
    });
    queue.on('error', () => undefined); // RedisConnections tells of outages, once
    this.queues.set(name, queue);
    return queue;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
  }
}

function ringFailure(outcomes: readonly RingOutcome[]): string | undefined {
  return outcomes.includes('lost') ? 'ring_lost' : undefined;
}

function entryOf(job: JobName, work: Work, delayMs: number): { name: string; data: Work; opts: BulkJobOptions } {
  return { name: JOBS[job].queue, data: work, opts: { ...jobOptions(job, work, delayMs), ...carried() } };
}

/** A job that does not wait for its hour is not to be pulled forward: there is none of that name, or it runs already. */
function ignoreUnlessLost(error: unknown): void {
  if (!/not in the delayed state|Missing key/i.test((error as Error).message)) throw error;
}

/**
 * The trace that rings, for the job's own trace to link to; whoever pulls a job forward writes itself over it as the job's
 * progress, which the hub uses for nothing else. It stands in the job's options and not in its data: a worker
 * of the release before refuses data that it does not know, and does not look here.
 */
function carried(): Pick<BulkJobOptions, 'telemetry'> {
  const traceparent = traceparentNow();
  return traceparent === undefined ? {} : { telemetry: { metadata: traceparent } };
}
