import { HubLogger, schedulerStarted, schedulerSucceeded } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { OutboxService } from './outbox.service';

/** Nobody rings for an event: the trail alone tells of it. */
const LOOK_EVERY_MS = 1_000;

/** Looks for trails that have gone on. A timer of this process's own, which hangs on no Redis. */
@Injectable()
export class OutboxJob {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private isTroubled = false;

  constructor(
    private readonly outbox: OutboxService,
    private readonly logger: HubLogger,
  ) {}

  start(): void {
    schedulerStarted('delivery-outbox');
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  /** Comes back once the events under way are taken in; the rest is another worker's. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.outbox.interrupt();
    await this.looking;
  }

  private look(): Promise<void> {
    this.looking ??= this.outbox
      .takeIn()
      .then(() => {
        this.isTroubled = false;
        schedulerSucceeded('delivery-outbox');
      })
      .catch((error: unknown) => this.tellOnce(error))
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** One record for each time that the database is away. */
  private tellOnce(error: unknown): void {
    if (!this.isTroubled) this.logger.failure('hub.outbox.blind', error);
    this.isTroubled = true;
  }
}
