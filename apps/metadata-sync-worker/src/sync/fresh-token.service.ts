import { AwaitedWork, IntegrationRepository, SyncRepository, type SyncTarget } from '@hub/database';
import { JobProducer } from '@hub/queues';
import { Injectable } from '@nestjs/common';

/** Has the refresh worker, the only one who may, renew a token that was refused, and waits for it. */
@Injectable()
export class FreshTokenService {
  constructor(
    private readonly syncs: SyncRepository,
    private readonly integrations: IntegrationRepository,
    private readonly awaited: AwaitedWork,
    private readonly jobs: JobProducer,
  ) {}

  /** @returns the integration as it stands then, with a fresh access token if one came in time; `undefined` if it is gone */
  async renew(refused: SyncTarget): Promise<SyncTarget | undefined> {
    const { orgId, id, provider } = refused.integration;
    // somebody may have refreshed it meanwhile, and the old token died of that
    const now = await this.syncs.load(orgId, id);
    if (!now || now.accessToken !== refused.accessToken) return now;
    const request = await this.integrations.requestRefresh(orgId, provider);
    if (request.kind === 'requested') {
      const { id: rungFor, epoch } = request.integration;
      await this.jobs.ring('refresh', { id: rungFor, orgId, provider, epoch });
      await this.awaited.refreshed(request);
    }
    return this.syncs.load(orgId, id);
  }
}
