import { setTimeout as sleep } from 'node:timers/promises';
import type { IntegrationRepository, Progress, RequestedWork } from './integration.repository';

/** How long anybody waits for a worker (contract §3). */
const WAIT_MS = 10_000;
const FIRST_LOOK_MS = 15;
const LONGEST_PAUSE_MS = 200;

/** Work that was asked for by the row. */
export type Requested = Extract<RequestedWork, { kind: 'requested' }>;

/** How a wait ended: an attempt has come to its end, whatever the end; or the row is gone; or nobody was through in time. */
export type WaitEnd = 'settled' | 'gone' | 'under_way';

/** The waiting of those who have asked for work, for a worker to be through with it: gateway, command line and sync worker. */
export class AwaitedWork {
  constructor(private readonly integrations: Pick<IntegrationRepository, 'progress'>) {}

  /** Comes back once the refresh that was asked for has settled, after 10 s at the latest. */
  async refreshed(request: Requested): Promise<WaitEnd> {
    const { epoch, settledEpoch } = request.progress;
    // a refresh that is under way already is as good as one of our own
    const target = settledEpoch < epoch ? epoch : epoch + 1;
    return this.until(request, (now) => now.settledEpoch >= target);
  }

  /** Comes back once a sync has settled since it was asked for, after 10 s at the latest. */
  async synced(request: Requested): Promise<WaitEnd> {
    return this.until(request, ({ syncSettledAt }) => syncSettledAt !== null && syncSettledAt >= request.at);
  }

  private async until({ integration }: Requested, isSettled: (now: Progress) => boolean): Promise<WaitEnd> {
    const end = performance.now() + WAIT_MS;
    for (let pause = FIRST_LOOK_MS; performance.now() < end; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      await sleep(pause);
      const progress = await this.integrations.progress(integration.orgId, integration.id);
      if (!progress) return 'gone';
      if (isSettled(progress)) return 'settled';
    }
    return 'under_way';
  }
}
