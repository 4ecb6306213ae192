import type { HubConfig } from '@hub/config';
import type { HubLogger } from '@hub/telemetry';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { JOBS, jobOptions, queueName, type JobName, type Work } from './queue-catalog';
import type { RedisConnections } from './redis-connections';

/**
 * What came of a ring: the work stands in its queue; or a job of its name runs already, or its worker has died and nobody
 * has noticed yet; or Redis took nothing.
 */
export type RingOutcome = 'rung' | 'under_way' | 'lost';

/** After a command that Redis did not answer in time, so long nobody waits for the next one. */
const DEAF_MS = 3_000;
/** One bell: which job, for which work. */
export interface Ring {
  readonly job: JobName;
  readonly work: Work;
}

/** Rings of a crowd that are on their way at once. */
const RINGS_AT_ONCE = 25;

/** Rings for work. A ring that is lost costs nothing but time: the row says what is due, and the overdue watch rings again. */
export class JobProducer {
  private readonly queues = new Map<string, Queue>();
  private readonly connection: Redis;
  private deafUntilMs = -Infinity;

  constructor(
    private readonly config: Pick<HubConfig, 'redisPrefix'>,
    connections: RedisConnections,
    private readonly logger: HubLogger,
  ) {
    this.connection = connections.forProducer();
  }

  /** Puts work into its queue for later. Work that stands there already stays as it is. @returns false if Redis took nothing */
  async schedule(job: JobName, work: Work, delayMs: number): Promise<boolean> {
    return this.guarded(job, work, async (queue) => {
      await queue.add(JOBS[job].queue, work, jobOptions(job, work, Math.max(0, Math.round(delayMs))));
    });
  }

  /** Rings for work now: a job of that name that waits for its hour is pulled forward. @returns false if Redis took nothing */
  async ring(job: JobName, work: Work): Promise<boolean> {
    return (await this.ringAndTell(job, work)) !== 'lost';
  }

  /**
   * Rings for a crowd. A Redis that is there and does not answer costs each ring its whole patience, so the first ring
   * that is lost is the end of it.
   *
   * @returns false if Redis took not all
   */
  async ringAll(rings: readonly Ring[]): Promise<boolean> {
    for (let start = 0; start < rings.length; start += RINGS_AT_ONCE) {
      const batch = rings.slice(start, start + RINGS_AT_ONCE);
      const taken = await Promise.all(batch.map(({ job, work }) => this.ring(job, work)));
      if (!taken.every(Boolean)) return false;
    }
    return true;
  }

  /** Rings once, and tells what came of it. */
  async ringAndTell(job: JobName, work: Work): Promise<RingOutcome> {
    let outcome: RingOutcome = 'rung';
    const isTaken = await this.guarded(job, work, async (queue) => {
      const known = await queue.getJob(JOBS[job].jobId(work));
      const state = await known?.getState();
      if (state === 'delayed') await known?.promote().catch(ignoreIfStarted);
      else if (state === 'active') outcome = 'under_way';
      else await queue.add(JOBS[job].queue, work, jobOptions(job, work, 0));
    });
    return isTaken ? outcome : 'lost';
  }

  /** Lets a provider's lane start nothing for a while, in all workers. @returns false if Redis took nothing */
  async hold(job: JobName, provider: string, forMs: number): Promise<boolean> {
    return this.guarded(job, { provider }, (queue) => queue.rateLimit(Math.round(forMs)));
  }

  private async guarded(
    job: JobName,
    work: Pick<Work, 'provider'>,
    act: (queue: Queue) => Promise<void>,
  ): Promise<boolean> {
    if (performance.now() < this.deafUntilMs) return false;
    try {
      await act(this.queue(queueName(job, work.provider)));
      return true;
    } catch (error) {
      // a line that stands and says nothing costs each ring its whole patience, and a refresh waits for its ring
      if (isTimeout(error)) this.deafUntilMs = performance.now() + DEAF_MS;
      this.logger.warning('queue.ring_lost', {
        queue: JOBS[job].queue,
        provider: work.provider,
        'error.type': (error as Error).name,
      });
      return false;
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

/** Between our look and our pull a worker may have taken the job: then it runs, which is what we wanted. */
function ignoreIfStarted(error: unknown): void {
  if (!/not in the delayed state|Missing key/i.test((error as Error).message)) throw error;
}

/** ioredis words it so when `commandTimeout` is over. */
function isTimeout(error: unknown): boolean {
  return (error as Error).message === 'Command timed out';
}
