import { setTimeout as sleep } from 'node:timers/promises';
import type { IntegrationRepository, Progress, RequestedWork } from './integration.repository';

/** How long anybody waits for a worker (contract §3). */
const WAIT_MS = 10_000;
const FIRST_LOOK_MS = 15;
const LONGEST_PAUSE_MS = 200;

/** Work that was asked for by the row. */
export type Requested = Extract<RequestedWork, { kind: 'requested' }>;

/**
 * How a wait ended:
 *
 * - `settled`: an attempt has come to its end, whatever the end. One that was given back before its call has not.
 * - `gone`: the row is not there any more.
 * - `under_way`: nobody was through in time, and somebody is at it.
 * - `not_begun`: nobody was through in time, and nobody has claimed the refresh, or whoever had has given it back.
 */
export type WaitEnd = 'settled' | 'gone' | 'under_way' | 'not_begun';

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

  /** Comes back once a sync has settled since it was asked for, after 10 s at the latest. Nobody claims a sync, so whether one has begun is not known. */
  async synced(request: Requested): Promise<Exclude<WaitEnd, 'not_begun'>> {
    const end = await this.until(request, ({ syncSettledAt }) => syncSettledAt !== null && syncSettledAt >= request.at);
    return end === 'not_begun' ? 'under_way' : end;
  }

  private async until({ integration }: Requested, isSettled: (now: Progress) => boolean): Promise<WaitEnd> {
    const end = performance.now() + WAIT_MS;
    let isClaimed = false;
    for (let pause = FIRST_LOOK_MS; performance.now() < end; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      await sleep(pause);
      const progress = await this.integrations.progress(integration.orgId, integration.id);
      if (!progress) return 'gone';
      if (isSettled(progress)) return 'settled';
      isClaimed = progress.isClaimed;
    }
    return isClaimed ? 'under_way' : 'not_begun';
  }
}
