import { DueNotices, DueRepository, HubDatabase } from '@hub/database';
import { JobConsumer, JobProducer, RedisConnections } from '@hub/queues';
import { HubLogger, type Readiness } from '@hub/telemetry';
import { databaseReadiness, endAll, OverdueWatch } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { AuditKeeperJob } from './audit-trail/audit-keeper.job';
import { BreakerService } from './breaker/breaker.service';
import { DueScanJob } from './due-scan/due-scan.job';
import { RefreshConsumer } from './refresh/refresh.consumer';
import { RefreshService } from './refresh/refresh.service';
import { RevocationConsumer } from './revocation/revocation.consumer';
import { RevocationService } from './revocation/revocation.service';
import { RotationJob } from './rotation/rotation.job';

const LOOK_FOR_REFRESHES_MS = 15_000;
/** Nobody rings for a revocation when an org disconnects: the row alone tells of it. */
const LOOK_FOR_REVOCATIONS_MS = 5_000;

/** The refresh worker as a whole: what it starts, and in which order it stops. */
@Injectable()
export class RefreshWorkerService {
  private readonly watch: OverdueWatch;

  constructor(
    private readonly database: HubDatabase,
    due: DueRepository,
    notices: DueNotices,
    producer: JobProducer,
    private readonly connections: RedisConnections,
    private readonly logger: HubLogger,
    private readonly consumer: JobConsumer,
    private readonly scan: DueScanJob,
    private readonly breakers: BreakerService,
    private readonly trail: AuditKeeperJob,
    private readonly refreshConsumer: RefreshConsumer,
    private readonly refreshes: RefreshService,
    private readonly revocationConsumer: RevocationConsumer,
    private readonly revocations: RevocationService,
    private readonly rotations: RotationJob,
  ) {
    this.watch = new OverdueWatch(due, notices, producer, consumer, connections, logger);
  }

  async start(): Promise<void> {
    await this.connections.known();
    await this.refreshes.takeUp();
    this.refreshConsumer.start();
    this.revocationConsumer.start();
    this.scan.start();
    this.breakers.start();
    this.trail.start();
    this.rotations.start();
    this.watch.start({
      kind: 'refresh',
      everyMs: LOOK_FOR_REFRESHES_MS,
      hasLease: true,
      runHere: (work) => this.refreshConsumer.run(work),
      perSecond: (provider) => this.refreshConsumer.perSecond(provider),
      atSight: () => this.refreshes.recallForgotten(),
      atLook: () => void this.scan.keepScheduled(),
    });
    this.watch.start({
      kind: 'revocation',
      everyMs: LOOK_FOR_REVOCATIONS_MS,
      hasLease: false,
      runHere: (work) => this.revocations.revoke(work),
    });
  }

  readiness(): Promise<Readiness> {
    return databaseReadiness(this.database);
  }

  wedge(): string | undefined {
    return this.watch.wedge();
  }

  /** No more work from anywhere, then an end for what is under way: what was asked of a provider is saved. */
  async drain(): Promise<void> {
    this.breakers.stop();
    const parts = [
      this.consumer.drain(),
      this.watch.stop(),
      this.scan.stop(),
      this.refreshes.drain(),
      this.revocations.drain(),
      this.rotations.stop(),
    ];
    const tell = (error: unknown): void => this.logger.failure('hub.worker.stop_failed', error);
    await endAll(parts, tell);
    await endAll([this.trail.stop()], tell); // what the others have written last is sealed too
  }
}
