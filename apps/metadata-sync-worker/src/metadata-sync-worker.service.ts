import { DueNotices, DueRepository, HubDatabase } from '@hub/database';
import { JobConsumer, JobProducer, RedisConnections } from '@hub/queues';
import { HubLogger, type Readiness } from '@hub/telemetry';
import { databaseReadiness, endAll, OverdueWatch } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { SyncConsumer } from './sync/sync.consumer';
import { SyncService } from './sync/sync.service';

const LOOK_FOR_SYNCS_MS = 15_000;

/** The metadata sync worker as a whole: what it starts, and in which order it stops. */
@Injectable()
export class MetadataSyncWorkerService {
  private readonly watch: OverdueWatch;

  constructor(
    private readonly database: HubDatabase,
    due: DueRepository,
    notices: DueNotices,
    producer: JobProducer,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
    private readonly consumer: JobConsumer,
    private readonly syncConsumer: SyncConsumer,
    private readonly syncs: SyncService,
  ) {
    this.watch = new OverdueWatch(due, notices, producer, consumer, connections, logger);
  }

  async start(): Promise<void> {
    await this.connections.known();
    this.syncConsumer.start();
    this.watch.start({
      kind: 'sync',
      everyMs: LOOK_FOR_SYNCS_MS,
      hasLease: false,
      runHere: (work) => this.syncs.sync(work),
    });
  }

  readiness(): Promise<Readiness> {
    return databaseReadiness(this.database);
  }

  wedge(): string | undefined {
    return this.watch.wedge();
  }

  /** No more work from anywhere, then an end for what is under way. */
  async drain(): Promise<void> {
    const parts = [this.consumer.drain(), this.watch.stop(), this.syncs.drain()];
    await endAll(parts, (error) => this.logger.failure('hub.worker.stop_failed', error));
  }
}
