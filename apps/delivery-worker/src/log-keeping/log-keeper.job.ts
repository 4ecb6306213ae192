import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryRepository } from '@hub/database';
import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';

const PRUNE_EVERY_MS = 10 * 60_000;
const BATCH = 500;
/** Between two batches sends have the database to themselves. */
const PAUSE_MS = 100;

/** Ends dead letters that nobody has replayed for too long, and removes from the delivery log what it keeps no longer. Any number of workers may do so beside each other. */
@Injectable()
export class LogKeeperJob {
  private timer: NodeJS.Timeout | undefined;
  private pruning: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly logger: HubLogger,
  ) {}

  start(): void {
    void this.prune();
    this.timer = setInterval(() => void this.prune(), PRUNE_EVERY_MS);
  }

  /** Comes back once the batch under way is gone. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    await this.pruning;
  }

  private prune(): Promise<void> {
    this.pruning ??= this.pruneAll()
      .catch((error: unknown) => this.logger.failure('hub.delivery.log_not_pruned', error))
      .finally(() => (this.pruning = undefined));
    return this.pruning;
  }

  private async pruneAll(): Promise<void> {
    const expired = await this.allOf((most) => this.deliveries.expire(most));
    if (expired > 0) this.logger.warning('hub.delivery.dead_letters_expired', { expired });
    const pruned = await this.allOf((most) => this.deliveries.prune(most));
    if (pruned > 0) this.logger.info('hub.delivery.log_pruned', { pruned });
  }

  /** @param work does it to so many at most, and says to how many it did @returns to how many in all */
  private async allOf(work: (most: number) => Promise<number>): Promise<number> {
    let all = 0;
    for (let batch = BATCH; batch >= BATCH && !this.isStopped; all += batch) {
      batch = await work(BATCH);
      if (batch >= BATCH) await sleep(PAUSE_MS);
    }
    return all;
  }
}
