import { retryDelayMs, RUNGS } from '@hub/domain';
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';

/** What every job carries: ids, never a secret. The row tells everything else. */
const work = z.strictObject({
  /** Of the integration, of the revocation or of the delivery. */
  id: z.guid(),
  /** Any UUID that a caller's token may name, whatever its version. */
  orgId: z.guid(),
  provider: z.string(),
  /** Only names the job; whether something is due is asked of the row. */
  epoch: z.number().int().nonnegative(),
});

export type Work = z.infer<typeof work>;

/** A kind of job: its queue's name, its data, how often it is tried and what names it. */
interface JobKind {
  /** Queues are one for each provider, so that a slow one holds up nobody else. */
  readonly queue: string;
  readonly schema: typeof work;
  /** Names the job, so that one piece of work stands in its queue once. No `:`, not all digits (BullMQ). */
  readonly jobId: (work: Work) => string;
  readonly attempts: number;
  /** How many of them one worker process runs at once, for each provider. */
  readonly concurrency: number;
}

/**
 * Every job of the hub. A refresh and a delivery are tried once: their ladder stands in the row and each rung rings a new
 * job, so that a lost Redis loses nothing. Syncs and revocations climb BullMQ's own backoff, whose delays are the same ladder.
 */
export const JOBS = {
  refresh: {
    queue: 'token-refresh',
    schema: work,
    jobId: ({ id, epoch }) => `${id}-${epoch}`,
    attempts: 1,
    concurrency: 16,
  },
  sync: { queue: 'metadata-sync', schema: work, jobId: ({ id }) => id, attempts: 1 + RUNGS, concurrency: 8 },
  revocation: { queue: 'revocation', schema: work, jobId: ({ id }) => id, attempts: 1 + RUNGS, concurrency: 4 },
  delivery: {
    queue: 'delivery',
    schema: work,
    jobId: ({ id, epoch }) => `${id}-${epoch}`,
    attempts: 1,
    concurrency: 64,
  },
} as const satisfies Record<string, JobKind>;

export type JobName = keyof typeof JOBS;

/** The queue of the scan that schedules refreshes; its one job is made by a scheduler. */
export const REFRESH_SCAN_QUEUE = 'refresh-scan';

/** The queue that carries one kind of job for one provider. */
export function queueName(job: JobName, provider: string): string {
  return `${JOBS[job].queue}-${provider}`;
}

/** Jobs that ended are removed: an id that stays in a set would silently swallow the next job of that name. */
export function jobOptions(job: JobName, data: Work, delayMs: number): JobsOptions {
  const { attempts } = JOBS[job];
  return {
    jobId: JOBS[job].jobId(data),
    delay: delayMs,
    attempts,
    ...(attempts > 1 && { backoff: { type: 'ladder' } }),
    removeOnComplete: true,
    removeOnFail: true,
  };
}

/** BullMQ's backoff strategy: the hub's one ladder. @param attemptsMade failed tries so far, 1 or more */
export function ladderBackoff(attemptsMade: number): number {
  return retryDelayMs(attemptsMade);
}
