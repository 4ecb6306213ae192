import { IntegrationRepository } from '@hub/database';
import { HubError, problemOf, type Integration, type StandingFailure } from '@hub/domain';
import { givesBack, ProviderRegistry, providerId, type RegisteredProvider } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import { actorOf, type Caller } from '../callers/caller';
import { secondsUntil } from '../http/seconds-until';
import { DemandService, type DemandOutcome } from './demand.service';
import { failureView, integrationView, type IntegrationView } from './integration-view';

/** An answer to a forced refresh or sync: done, or still under way. */
export interface DemandAnswer {
  readonly done: boolean;
  readonly view: IntegrationView;
}

/** What callers see and do with the integrations of their org. */
@Injectable()
export class IntegrationsService {
  constructor(
    private readonly providers: ProviderRegistry,
    private readonly integrations: IntegrationRepository,
    private readonly demands: DemandService,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  async list(caller: Caller): Promise<IntegrationView[]> {
    const integrations = await this.integrations.list(caller.orgId);
    return this.providers.all().map((provider) =>
      integrationView(
        provider,
        integrations.find((one) => one.provider === provider.definition.id),
      ),
    );
  }

  async read(caller: Caller, id: string): Promise<IntegrationView> {
    const provider = this.provider(id);
    return integrationView(provider, await this.integrations.find(caller.orgId, providerId(provider.definition)));
  }

  async refresh(caller: Caller, id: string, arrivedMs: number): Promise<DemandAnswer> {
    const provider = this.provider(id);
    const outcome = await this.demands.refresh(caller.orgId, providerId(provider.definition), arrivedMs);
    return this.answer(provider, outcome, (then) => ({ failure: then.refreshFailure, nextAt: then.nextRefreshAt }));
  }

  async sync(caller: Caller, id: string, arrivedMs: number): Promise<DemandAnswer> {
    const provider = this.provider(id);
    const outcome = await this.demands.sync(caller.orgId, providerId(provider.definition), arrivedMs);
    return this.answer(provider, outcome, (then) => ({ failure: then.syncFailure, nextAt: then.nextSyncAt }));
  }

  /** Ends an integration; revocation goes on in the background. Without one nothing happens. */
  async disconnect(caller: Caller, id: string, uninstall: boolean): Promise<void> {
    const { definition } = this.provider(id);
    const provider = providerId(definition);
    const revoke = givesBack(definition, uninstall);
    const gone = await this.integrations.disconnect(caller.orgId, provider, {
      revoke,
      reason: uninstall ? 'uninstall' : 'disconnect',
      actor: actorOf(caller),
      detail: { revoke, uninstall },
    });
    if (!gone) return;
    this.logger.info('hub.integration.disconnected', { provider, org: caller.orgId, integration: gone.id });
    if (gone.revocationId)
      await this.jobs.ring('revocation', { id: gone.revocationId, orgId: caller.orgId, provider, epoch: 0 });
  }

  private provider(id: string): RegisteredProvider {
    const provider = this.providers.find(id);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    return provider;
  }

  private answer(
    provider: RegisteredProvider,
    outcome: DemandOutcome,
    resultOf: (integration: Integration) => { failure: StandingFailure | null; nextAt: Date | null },
  ): DemandAnswer {
    switch (outcome.kind) {
      case 'not_connected':
        throw new HubError('not_connected', `This org has not connected ${provider.definition.label}.`);
      case 'reauth_required':
        throw reauthRequired(
          provider,
          outcome.integration,
          'Sign in at the provider again: it has refused this grant.',
        );
      case 'put_off':
        throw new HubError(
          'provider_unavailable',
          `${provider.definition.label} is in trouble; refreshes are put off until a probe gets through.`,
          {
            retryAfterSeconds: Math.max(1, Math.ceil(outcome.retryInMs / 1000)),
          },
        );
      case 'under_way':
        return { done: false, view: integrationView(provider, outcome.integration) };
      case 'settled': {
        const { integration } = outcome;
        if (integration.status === 'reauth_required')
          throw reauthRequired(provider, integration, 'The provider has refused this grant for good.');
        const { failure, nextAt } = resultOf(integration);
        if (failure) throw failed(provider, failure, nextAt && secondsUntil(nextAt, outcome.at));
        return { done: true, view: integrationView(provider, integration) };
      }
    }
  }
}

function reauthRequired(provider: RegisteredProvider, integration: Integration, detail: string): HubError {
  return new HubError('reauth_required', detail, {
    title: 'Token refresh failed',
    extensions: {
      provider: provider.definition.id,
      failure: failureView(integration.refreshFailure ?? integration.syncFailure),
    },
  });
}

/** @param nextInSeconds until it is tried again by itself */
function failed(provider: RegisteredProvider, failure: StandingFailure, nextInSeconds: number | null): HubError {
  const { label } = provider.definition;
  return new HubError(
    problemOf(failure.code),
    failure.code === 'internal'
      ? `The hub cannot open or seal the tokens now, so ${label} was not asked; it is tried again by itself.`
      : `${label} gave no usable answer; it is tried again by itself.`,
    {
      ...(nextInSeconds !== null && { retryAfterSeconds: nextInSeconds }),
      extensions: { provider: provider.definition.id, failure: failureView(failure) },
    },
  );
}
