import { DueNotices, DueRepository, HubDatabase } from '@hub/database';
import { JobConsumer, JobProducer, JOBS, RedisConnections } from '@hub/queues';
import { HubLogger, type Readiness } from '@hub/telemetry';
import { databaseReadiness, endAll, OverdueWatch } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { DeliveryConsumer } from './delivery/delivery.consumer';
import { DeliveryService } from './delivery/delivery.service';
import { DeliveryGaugesJob } from './gauges/delivery-gauges.job';
import { LogKeeperJob } from './log-keeping/log-keeper.job';
import { OutboxJob } from './outbox/outbox.job';
import { VerdictsService } from './verdicts/verdicts.service';

/** A circuit that closes and a new URL ring for nobody: the rows alone tell of what waits for them. */
const LOOK_FOR_DELIVERIES_MS = 5_000;

/** The delivery worker as a whole: what it starts, and in which order it stops. */
@Injectable()
export class DeliveryWorkerService {
  private readonly watch: OverdueWatch;

  constructor(
    private readonly database: HubDatabase,
    due: DueRepository,
    notices: DueNotices,
    producer: JobProducer,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
    private readonly consumer: JobConsumer,
    private readonly deliveryConsumer: DeliveryConsumer,
    private readonly deliveries: DeliveryService,
    private readonly outbox: OutboxJob,
    private readonly logKeeper: LogKeeperJob,
    private readonly gauges: DeliveryGaugesJob,
    private readonly verdicts: VerdictsService,
  ) {
    // without Redis the watch is the queue
    const runs = { most: JOBS.delivery.concurrency, mostOfALane: JOBS.delivery.concurrency };
    this.watch = new OverdueWatch(due, notices, producer, consumer, connections, logger, runs);
  }

  async start(): Promise<void> {
    await this.connections.known();
    this.deliveryConsumer.start();
    this.outbox.start();
    this.logKeeper.start();
    this.gauges.start();
    this.verdicts.start();
    this.watch.start({
      kind: 'delivery',
      everyMs: LOOK_FOR_DELIVERIES_MS,
      hasLease: true,
      runHere: (work) => this.deliveries.deliver(work),
    });
  }

  readiness(): Promise<Readiness> {
    return databaseReadiness(this.database);
  }

  wedge(): string | undefined {
    return this.watch.wedge();
  }

  /** No more work from anywhere, then an end for what is under way: a send that has left is settled. */
  async drain(): Promise<void> {
    this.gauges.stop();
    const parts = [
      this.consumer.drain(),
      this.watch.stop(),
      this.outbox.stop(),
      this.logKeeper.stop(),
      this.verdicts.stop(),
      this.deliveries.drain(),
    ];
    await endAll(parts, (error) => this.logger.failure('hub.worker.stop_failed', error));
  }
}
