import { JOBS, type JobName, type Work } from './queue-catalog';

/** What spans tell of a message (OpenTelemetry, messaging conventions). */
export function messageFacts(job: JobName, operation: 'send' | 'process') {
  return {
    'messaging.system': 'bullmq',
    'messaging.destination.name': JOBS[job].queue,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
  } as const;
}

/** What spans tell of the work of a job: whose it is. */
export function workFacts({ id, orgId, provider }: Work) {
  return { 'hub.provider': provider, 'hub.org.id': orgId, 'hub.integration.id': id } as const;
}
