import { setTimeout as sleep } from 'node:timers/promises';
import { SyncRepository, type SyncTarget } from '@hub/database';
import { JobProducer } from '@hub/queues';
import { Injectable } from '@nestjs/common';

const WAIT_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;

/** Has the refresh worker, the only one who may, renew a token that was refused, and waits for it. */
@Injectable()
export class FreshTokenService {
  constructor(
    private readonly syncs: SyncRepository,
    private readonly jobs: JobProducer,
  ) {}

  /** @returns the integration as it stands then, with a fresh access token if one came in time; `undefined` if it is gone */
  async renew(refused: SyncTarget): Promise<SyncTarget | undefined> {
    const { orgId, id, provider } = refused.integration;
    // somebody may have refreshed it meanwhile, and the old token died of that
    const now = await this.syncs.load(orgId, id);
    if (!now || now.accessToken !== refused.accessToken) return now;
    const asked = await this.syncs.askForRefresh(orgId, id);
    if (!asked) return undefined;
    await this.jobs.ring('refresh', { id, orgId, provider, epoch: now.integration.epoch });
    await this.settled(refused, asked.epoch);
    return this.syncs.load(orgId, id);
  }

  private async settled({ integration: { orgId, id } }: SyncTarget, epoch: number): Promise<void> {
    const endsAt = performance.now() + WAIT_MS;
    for (let pauseMs = FIRST_PAUSE_MS; performance.now() < endsAt; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      await sleep(pauseMs);
      if (await this.syncs.hasSettled(orgId, id, epoch)) return;
    }
  }
}
