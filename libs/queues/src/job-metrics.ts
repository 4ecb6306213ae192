import { count, measure, observe, preset } from '@hub/telemetry';
import type { Job } from 'bullmq';
import { JOBS, type JobName } from './queue-catalog';

const MS_IN_SECOND = 1_000;

/** Jobs of one kind that Redis holds. */
export interface QueuedJobs {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
}

/** A job begins: how long it stood in its queue behind its hour. A further try has an hour that its queue alone knows. */
export function recordStart(job: JobName, item: Job): void {
  if (item.attemptsMade > 0 || item.processedOn === undefined) return;
  const dueMs = item.timestamp + (item.opts.delay ?? 0);
  // one that was pulled forward has not waited
  measure('queueWait', Math.max(0, item.processedOn - dueMs) / MS_IN_SECOND, destination(job));
}

/** A job has ended. @param error a fixed word, or the class of what was thrown; absent: it is done, or comes again as it wishes */
export function recordEnd(job: JobName, durationMs: number, error?: string): void {
  measure('processDuration', durationMs / MS_IN_SECOND, {
    'messaging.system': 'bullmq',
    ...destination(job),
    'messaging.operation.name': 'process',
    ...(error !== undefined && { 'error.type': error }),
  });
}

/** A job lost its lock, and another worker takes it over. */
export function countStalled(job: JobName): void {
  count('stalledJobs', destination(job));
}

/**
 * Has a kind of job told that this process takes: what Redis holds of it, and how many places are busy.
 *
 * @param slots  places for jobs of the kind
 * @param busy   how many of them are taken now
 * @param queued what Redis holds; `undefined` while it is away, and then nothing is told of it
 * @returns ends it
 */
export function tellJobs(
  job: JobName,
  slots: number,
  busy: () => number,
  queued: () => Promise<QueuedJobs | undefined>,
): () => void {
  preset('stalledJobs', { 'messaging.destination.name': [JOBS[job].queue] });
  const ends = [
    observe('workerSlots', () =>
      (['busy', 'free'] as const).map((state) => ({
        value: state === 'busy' ? busy() : Math.max(0, slots - busy()),
        attributes: { ...destination(job), 'hub.slot_state': state },
      })),
    ),
    observe('queueJobs', async () => {
      const jobs = await queued();
      if (!jobs) return [];
      return (['waiting', 'active', 'delayed'] as const).map((state) => ({
        value: jobs[state],
        attributes: { ...destination(job), 'hub.state': state },
      }));
    }),
  ];
  return () => ends.forEach((end) => end());
}

function destination(job: JobName): { 'messaging.destination.name': (typeof JOBS)[JobName]['queue'] } {
  return { 'messaging.destination.name': JOBS[job].queue };
}
