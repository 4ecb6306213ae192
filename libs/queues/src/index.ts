export { spannedHere } from './job-spans';
export type { JobOutcome } from './job-outcome';
export { JobConsumer, type Lane } from './job.consumer';
export { JobProducer, type Ring, type RingOutcome } from './job.producer';
export {
  JOBS,
  jobOptions,
  ladderBackoff,
  queueName,
  REFRESH_SCAN_QUEUE,
  type JobName,
  type Work,
} from './queue-catalog';
export { QueuesModule } from './queues.module';
export { RedisConnections, trusting } from './redis-connections';
export { RedisHearing } from './redis-hearing';
export { RefreshScanScheduler } from './refresh-scan.scheduler';
