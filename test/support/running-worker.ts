import type { HubConfig } from '@hub/config';
import type { JobOutcome, Work } from '@hub/queues';
import { NestFactory } from '@nestjs/core';
import { DeliveryWorkerModule } from '../../apps/delivery-worker/src/delivery-worker.module';
import { DeliveryWorkerService } from '../../apps/delivery-worker/src/delivery-worker.service';
import { DeliveryService } from '../../apps/delivery-worker/src/delivery/delivery.service';
import { OutboxService } from '../../apps/delivery-worker/src/outbox/outbox.service';
import { VerdictsService } from '../../apps/delivery-worker/src/verdicts/verdicts.service';
import { MetadataSyncWorkerModule } from '../../apps/metadata-sync-worker/src/metadata-sync-worker.module';
import { MetadataSyncWorkerService } from '../../apps/metadata-sync-worker/src/metadata-sync-worker.service';
import { SyncService } from '../../apps/metadata-sync-worker/src/sync/sync.service';
import { RefreshWorkerModule } from '../../apps/refresh-worker/src/refresh-worker.module';
import { RefreshWorkerService } from '../../apps/refresh-worker/src/refresh-worker.service';
import { RefreshConsumer } from '../../apps/refresh-worker/src/refresh/refresh.consumer';
import { RefreshService } from '../../apps/refresh-worker/src/refresh/refresh.service';
import { RevocationService } from '../../apps/refresh-worker/src/revocation/revocation.service';

/** A refresh worker in this process. */
export interface RefreshWorkerInTest {
  readonly refreshes: RefreshService;
  readonly revocations: RevocationService;
  /** Does a job, and tells the queue what became of it. */
  run(work: Work): Promise<JobOutcome>;
  /** Begins to take work: jobs, scan and watch. Without it only what the test asks for is done. */
  start(): Promise<void>;
  /** As at SIGTERM. @param tryOnMs for how long PostgreSQL is waited for if it is away, unless as in production */
  stop(tryOnMs?: number): Promise<void>;
}

/** A metadata sync worker in this process. */
export interface SyncWorkerInTest {
  readonly syncs: SyncService;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A delivery worker in this process. */
export interface DeliveryWorkerInTest {
  readonly deliveries: DeliveryService;
  readonly outbox: OutboxService;
  readonly verdicts: VerdictsService;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function refreshWorker(config: HubConfig): Promise<RefreshWorkerInTest> {
  const context = await NestFactory.createApplicationContext(RefreshWorkerModule.of(config), {
    logger: false,
    abortOnError: false,
  });
  const worker = context.get(RefreshWorkerService);
  return {
    refreshes: context.get(RefreshService, { strict: false }),
    revocations: context.get(RevocationService, { strict: false }),
    run: (work) => context.get(RefreshConsumer, { strict: false }).run(work),
    start: () => worker.start(),
    stop: async (tryOnMs) => {
      await worker.drain(tryOnMs);
      await context.close();
    },
  };
}

export async function syncWorker(config: HubConfig): Promise<SyncWorkerInTest> {
  const context = await NestFactory.createApplicationContext(MetadataSyncWorkerModule.of(config), {
    logger: false,
    abortOnError: false,
  });
  const worker = context.get(MetadataSyncWorkerService);
  return {
    syncs: context.get(SyncService, { strict: false }),
    start: () => worker.start(),
    stop: async () => {
      await worker.drain();
      await context.close();
    },
  };
}

export async function deliveryWorker(config: HubConfig): Promise<DeliveryWorkerInTest> {
  const context = await NestFactory.createApplicationContext(DeliveryWorkerModule.of(config), {
    logger: false,
    abortOnError: false,
  });
  const worker = context.get(DeliveryWorkerService);
  return {
    deliveries: context.get(DeliveryService, { strict: false }),
    outbox: context.get(OutboxService, { strict: false }),
    verdicts: context.get(VerdictsService, { strict: false }),
    start: () => worker.start(),
    stop: async () => {
      await worker.drain();
      await context.close();
    },
  };
}
