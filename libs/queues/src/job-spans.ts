import { inSpan, traceparentNow } from '@hub/telemetry';
import type { Job } from 'bullmq';
import { errorOf, type JobOutcome } from './job-outcome';
import { JOBS, type JobName, type Work } from './queue-catalog';

/** What spans tell of a message (OpenTelemetry, messaging conventions). */
export function messageFacts(job: JobName, operation: 'send' | 'schedule' | 'process') {
  return {
    'messaging.system': 'bullmq',
    'messaging.destination.name': JOBS[job].queue,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation === 'process' ? 'process' : 'send',
  } as const;
}

/** What spans tell of the work of a job: whose it is. */
export function workFacts({ id, orgId, provider }: Work) {
  return { 'hub.provider': provider, 'hub.org.id': orgId, 'hub.integration.id': id } as const;
}

/** The trace that rang for a job last, as `traceparent`; `undefined`: none did, or it was not told. */
export function ringerOf({ progress, opts }: Pick<Job, 'progress' | 'opts'>): string | undefined {
  return typeof progress === 'string' ? progress : opts.telemetry?.metadata;
}

/** Does the work of a job without its queue, as a trace of its own like the job's, linked to what runs now. */
export function spannedHere(job: JobName, work: Work, act: () => Promise<JobOutcome>): Promise<JobOutcome> {
  const options = { askedBy: { traceparent: traceparentNow() }, facts: workFacts(work), failureOf: errorOf } as const;
  return inSpan(`process ${JOBS[job].queue}`, options, act);
}
