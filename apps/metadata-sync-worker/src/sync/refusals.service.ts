import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { SyncRepository } from '@hub/database';
import { endsGrant, failure, isMassRefusal, type Failure, type Integration } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';

/** So many syncs show how a provider's API fares; in the interval between syncs each integration has one. */
const LATEST_SYNCS = 20;

type Judged = Pick<Integration, 'id' | 'provider'>;

/** Tells an API that is sick, and refuses tokens which its own token endpoint has just granted, from a grant that is dead. */
@Injectable()
export class RefusalsService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly syncs: SyncRepository,
    private readonly logger: HubLogger,
  ) {}

  /** The failure to act on: one that would end the grant is held back where the API refuses too many others. */
  async weigh(integration: Judged, refusal: Failure): Promise<Failure> {
    if (!endsGrant(refusal) || !(await this.isMass(integration))) return refusal;
    await this.reopen(integration);
    return failure('provider_unavailable', 'refused_with_many_others');
  }

  /** Others may have been judged in the same moment as this one, when none could know of the others. */
  async lookBack(integration: Judged): Promise<void> {
    if (await this.isMass(integration)) await this.reopen(integration);
  }

  private async isMass(integration: Judged): Promise<boolean> {
    const { refused, synced } = await this.syncs.recentRefusals(integration, this.config.syncEveryMs, LATEST_SYNCS);
    return isMassRefusal({ refused: refused + 1, synced: synced + 1 });
  }

  private async reopen({ provider }: Judged): Promise<void> {
    const reopened = await this.syncs.reopenVerdicts(provider, this.config.syncEveryMs);
    this.logger.warning('hub.sync.verdict_held', { provider, tried_again: reopened });
  }
}
