import {
  AwaitedWork,
  BreakerRepository,
  IntegrationRepository,
  type Requested,
  type RequestedWork,
  type WaitEnd,
} from '@hub/database';
import type { Integration, OrgId, ProviderId } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { Injectable } from '@nestjs/common';
import { MergedDemands } from './demand';

/** How a demand ended: settled by a worker, or still under way, or there is nothing to work on. */
export type DemandOutcome =
  | { readonly kind: 'settled'; readonly integration: Integration; /** The database's time. */ readonly at: Date }
  | { readonly kind: 'under_way'; readonly integration: Integration }
  | { readonly kind: 'reauth_required'; readonly integration: Integration }
  | { readonly kind: 'not_connected' }
  /** The breaker before the provider stands open: nothing was asked for. */
  | { readonly kind: 'put_off'; readonly retryInMs: number };

/** What a demand came to, for all who share it; each reads the row for itself, which may have moved on since. */
type Met =
  | { readonly kind: 'settled' | 'under_way' | 'reauth_required' | 'not_connected' }
  | { readonly kind: 'put_off'; readonly retryInMs: number };

/** Asks the workers for a refresh or a sync and waits a while. The gateway itself never talks to a token endpoint for it. */
@Injectable()
export class DemandService {
  private readonly demands = new MergedDemands<Met>();

  constructor(
    private readonly integrations: IntegrationRepository,
    private readonly awaited: AwaitedWork,
    private readonly jobs: JobProducer,
    private readonly breakers: BreakerRepository,
    private readonly providers: ProviderRegistry,
  ) {}

  /**
   * Has the credential refreshed, or checked where there is nothing to refresh.
   *
   * @param arrivedMs when the request arrived, by `performance.now()`: what it overlapped with is its own, also where another
   *                  gateway asked for it. Of callers who share a demand the first one's counts.
   */
  async refresh(orgId: OrgId, provider: ProviderId, arrivedMs: number): Promise<DemandOutcome> {
    const met = await this.demands.of(`refresh ${orgId} ${provider}`, arrivedMs, async () => {
      const putOff = await this.putOff(orgId, provider);
      if (putOff) return putOff;
      const request = await this.integrations.requestRefresh(orgId, provider, performance.now() - arrivedMs);
      return this.meet(orgId, provider, request, 'refresh', (requested) => this.awaited.refreshed(requested));
    });
    return this.tell(orgId, provider, met);
  }

  /**
   * What is told while the breaker before the provider stands open. Once the hour of its probe has come, this demand may
   * well be the probe. What stands in the way of any refresh is told first: it will not pass with the outage.
   */
  private async putOff(orgId: OrgId, provider: ProviderId): Promise<Met | undefined> {
    const retryInMs = (await this.openBreaker(provider))?.probeInMs ?? 0;
    if (retryInMs <= 0) return undefined;
    const integration = await this.integrations.find(orgId, provider);
    if (!integration) return { kind: 'not_connected' };
    if (integration.status === 'reauth_required') return { kind: 'reauth_required' };
    return { kind: 'put_off', retryInMs };
  }

  private async openBreaker(provider: ProviderId): Promise<{ probeInMs: number } | undefined> {
    const clientId = this.providers.find(provider)?.credentials?.clientId;
    return clientId === undefined ? undefined : this.breakers.find({ provider, clientId });
  }

  /** Has the metadata synced. */
  async sync(orgId: OrgId, provider: ProviderId, arrivedMs: number): Promise<DemandOutcome> {
    const met = await this.demands.of(`sync ${orgId} ${provider}`, arrivedMs, async () => {
      const request = await this.integrations.requestSync(orgId, provider, performance.now() - arrivedMs);
      return this.meet(orgId, provider, request, 'sync', (requested) => this.awaited.synced(requested));
    });
    return this.tell(orgId, provider, met);
  }

  /** What the demand came to, beside the row as it stands now. */
  private async tell(orgId: OrgId, provider: ProviderId, met: Met): Promise<DemandOutcome> {
    if (met.kind === 'put_off') return met;
    const found = await this.integrations.findNow(orgId, provider);
    if (!found) return { kind: 'not_connected' };
    const { integration } = found;
    if (met.kind === 'reauth_required' && integration.status === 'reauth_required')
      return { kind: met.kind, integration };
    return met.kind === 'under_way' ? { kind: met.kind, integration } : { kind: 'settled', ...found };
  }

  private async meet(
    orgId: OrgId,
    provider: ProviderId,
    request: RequestedWork,
    job: 'refresh' | 'sync',
    wait: (request: Requested) => Promise<WaitEnd>,
  ): Promise<Met> {
    if (request.kind !== 'requested') return { kind: request.kind };
    if (request.isMet) return { kind: 'settled' };
    const { id, epoch } = request.integration;
    await this.jobs.ring(job, { id, orgId, provider, epoch });
    const end = await wait(request);
    // the breaker may have opened meanwhile: then nobody begins it
    if (end === 'not_begun') return (await this.putOff(orgId, provider)) ?? { kind: 'under_way' };
    return { kind: end === 'gone' ? 'not_connected' : end };
  }
}
