import { setTimeout } from 'node:timers/promises';
import type { HubConfig } from '@hub/config';
import type { HubLogger } from '@hub/telemetry';
import { Queue, Worker } from 'bullmq';
import { REFRESH_SCAN_QUEUE } from './queue-catalog';
import type { RedisConnections } from './redis-connections';

const SCHEDULER = 'refresh-scan';
const FAREWELL_MS = 5_000;

/** The scan's clock in Redis: one run for each interval, whatever the number of workers. No token's life hangs on it. */
export class RefreshScanScheduler {
  private queue: Queue | undefined;
  private worker: Worker | undefined;

  constructor(
    private readonly config: Pick<HubConfig, 'redisPrefix' | 'refreshScanEveryMs'>,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
  ) {}

  start(scan: () => Promise<void>): void {
    const options = { prefix: this.config.redisPrefix, skipVersionCheck: true };
    const queue: Queue = new Queue(REFRESH_SCAN_QUEUE, { ...options, connection: this.connections.forConsumer() });
    const worker = new Worker(REFRESH_SCAN_QUEUE, () => this.run(scan), {
      ...options,
      connection: this.connections.forConsumer(),
    });
    queue.on('error', () => undefined);
    worker.on('error', () => undefined); // RedisConnections tells of outages, once
    this.queue = queue;
    this.worker = worker;
    void this.schedule();
  }

  /** Makes the scheduler again if Redis was wiped: the caller's watch calls this from time to time. */
  async keepScheduled(): Promise<void> {
    if (!this.queue || !this.connections.available) return;
    const known = await this.queue.getJobScheduler(SCHEDULER).catch(() => null);
    if (!known) await this.schedule();
  }

  /** The message of a failed job reaches Redis, so it is a fixed one. */
  private async run(scan: () => Promise<void>): Promise<void> {
    try {
      await scan();
    } catch (error) {
      this.logger.failure('hub.scheduler.failed', error, { scheduler: SCHEDULER });
      throw new Error('the scan failed');
    }
  }

  private async schedule(): Promise<void> {
    await this.queue
      ?.upsertJobScheduler(
        SCHEDULER,
        { every: this.config.refreshScanEveryMs },
        { name: SCHEDULER, opts: { removeOnComplete: true, removeOnFail: true } },
      )
      .catch((error: unknown) => this.logger.warning('scheduler.not_kept', { 'error.type': (error as Error).name }));
  }

  async close(): Promise<void> {
    await this.connections.known();
    // without Redis BullMQ never comes back from a polite farewell (#2430)
    const isRude = !this.connections.available;
    await Promise.race([
      Promise.allSettled([this.worker?.close(isRude), this.queue?.close()]),
      setTimeout(FAREWELL_MS, undefined, { ref: false }),
    ]);
  }
}
