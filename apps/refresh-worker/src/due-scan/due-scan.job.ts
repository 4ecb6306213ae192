import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { ConsoleSessionRepository, DueRepository, FlowRepository, type DueWork } from '@hub/database';
import type { Actor } from '@hub/domain';
import { JobProducer, RefreshScanScheduler } from '@hub/queues';
import { HubLogger, inSpan, schedulerStarted, schedulerSucceeded } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';

const PAGE = 500;
const SCHEDULED_AT_ONCE = 50;
/** A refresh is scheduled by the scan before the one that it would be due at. */
const SCANS_AHEAD = 2;
const WORKER: Actor = { type: 'worker', id: 'refresh-worker' };

/**
 * The scan of every few minutes: it gives each refresh that falls due before the scan after next its exact delayed job,
 * where that one is lost or was never made. No token's life hangs on it: the overdue watch stands behind. It also ends the
 * connects that nobody has finished, so that what they keep sealed is gone, and removes the console's sessions that are over.
 */
@Injectable()
export class DueScanJob {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly due: DueRepository,
    private readonly flows: FlowRepository,
    private readonly consoleSessions: ConsoleSessionRepository,
    private readonly jobs: JobProducer,
    private readonly scheduler: RefreshScanScheduler,
    private readonly logger: HubLogger,
  ) {}

  start(): void {
    schedulerStarted('refresh-scan');
    this.scheduler.start(() =>
      inSpan('scheduler refresh-scan', { askedBy: { traceparent: undefined } }, () => this.scan()),
    );
  }

  /** Has the scan scheduled again if Redis has lost it. */
  async keepScheduled(): Promise<void> {
    await this.scheduler.keepScheduled();
  }

  async stop(): Promise<void> {
    await this.scheduler.close();
  }

  private async scan(): Promise<void> {
    const startedMs = performance.now();
    const scheduled = await this.scheduleDue();
    const abandoned = await this.abandonFlows();
    const swept = (await this.due.sweepFlows()) + (await this.consoleSessions.sweep());
    schedulerSucceeded('refresh-scan');
    const duration_ms = Math.round(performance.now() - startedMs);
    this.logger.info('hub.scheduler.completed', {
      scheduler: 'refresh-scan',
      scheduled,
      abandoned,
      swept,
      duration_ms,
    });
  }

  private async abandonFlows(): Promise<number> {
    let abandoned = 0;
    let ended: number;
    do {
      ended = 0;
      for (const flow of await this.flows.overdue(PAGE)) if (await this.flows.abandon(flow, WORKER)) ended += 1;
      abandoned += ended;
    } while (ended > 0);
    return abandoned;
  }

  private async scheduleDue(): Promise<number> {
    let scheduled = 0;
    for await (const page of this.due.duePages('refresh', SCANS_AHEAD * this.config.refreshScanEveryMs, PAGE)) {
      const free = page.filter(({ leasedForMs }) => leasedForMs === null);
      for (let start = 0; start < free.length; start += SCHEDULED_AT_ONCE) {
        const taken = await Promise.all(
          free.slice(start, start + SCHEDULED_AT_ONCE).map((work) => this.schedule(work)),
        );
        scheduled += taken.filter(Boolean).length;
      }
    }
    return scheduled;
  }

  private schedule({ id, orgId, provider, epoch, dueInMs }: DueWork): Promise<boolean> {
    return this.jobs.schedule('refresh', { id, orgId, provider, epoch }, dueInMs);
  }
}
