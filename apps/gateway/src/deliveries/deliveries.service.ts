import { randomBytes, randomUUID } from 'node:crypto';
import {
  DeliveryRepository,
  DeliverySettingsRepository,
  IntegrationRepository,
  type Accepted,
  type DeliveryPage,
  type DeliveryPlace,
  type DeliverySettings,
  type SettingsOwner,
} from '@hub/database';
import {
  deadLetterId,
  HubError,
  KEPT_DEAD_DAYS,
  MOST_DEAD,
  MOST_PENDING,
  type Backlog,
  type DeliveredEvent,
  type DeliveryState,
  type IntegrationId,
  type ProviderId,
} from '@hub/domain';
import { ProviderRegistry, providerId } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { deliveryDataCell, deliverySecretCell, PlainToken, TokenVault, type Sealer } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import { actorOf, type Caller } from '../callers/caller';

/** An event that a product service wants delivered. */
export interface PostedEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** By which the receiver will know it; absent: a new one. A UUID in lower case. */
  readonly id?: string | undefined;
}

/** What became of a posted event. */
export interface TakenEvent {
  /** By which its receiver will know it. */
  readonly id: string;
  /** It was posted before and has ended so that it is not sent any more by itself; absent: it is delivered, or was. */
  readonly ended?: { readonly state: 'dead'; readonly deadLetter: string } | { readonly state: 'cancelled' };
}

/** The secret in the clear, for whoever verifies signatures. */
export interface ReadSecret {
  readonly secret: PlainToken;
  readonly previousUntil: Date | null;
}

/** When there may be room again for an integration that has as much waiting as it may. */
const ASK_FULL_AGAIN_SECONDS = 60;
/** Standard Webhooks: 24 to 64 bytes, in base64 behind this. */
const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** Takes in what is to be delivered to an org's webhook, and tells what became of it. The delivery worker sends it. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly providers: ProviderRegistry,
    private readonly integrations: IntegrationRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly settings: DeliverySettingsRepository,
    private readonly vault: TokenVault,
    private readonly jobs: JobProducer,
  ) {}

  /**
   * Takes in an event, once for each id. While the hook is gone it waits for a new URL.
   *
   * @throws HubError `rate_limited` while as many wait, or are dead letters, as an integration may have
   */
  async post(caller: Caller, providerName: string, event: PostedEvent): Promise<TakenEvent> {
    const { orgId } = caller;
    const provider = this.webhookProvider(providerName);
    const integrationId = await this.integrationOf(caller, provider);
    const id = randomUUID();
    const eventId = event.id ?? randomUUID();
    const { owner, data } = await this.vault.withSealer(orgId, (sealer) => ({
      owner: this.ownerOf(sealer, caller, provider, integrationId),
      data: sealer.seal(deliveryDataCell({ orgId, provider, id }), new PlainToken(JSON.stringify(event.data))),
    }));
    const accepted = await this.deliveries.accept(owner, { id, eventId, type: event.type, data, source: 'posted' });
    switch (accepted.kind) {
      case 'not_connected':
        throw notConnected();
      case 'full':
        throw full(accepted.of);
      case 'accepted':
        // a ring that is lost is made up for by the workers' watch
        if (!accepted.waits) await this.jobs.ring('delivery', { id, orgId, provider, epoch: 0 });
        return { id: eventId };
      case 'known':
        return { id: eventId, ...endOf(accepted) };
    }
  }

  /** A page of the log. It is there also once the integration is disconnected. */
  async log(
    caller: Caller,
    providerName: string,
    query: { state: DeliveryState | undefined; after: DeliveryPlace | undefined; limit: number },
  ): Promise<DeliveryPage> {
    return this.deliveries.log(caller.orgId, { provider: this.webhookProvider(providerName), ...query });
  }

  async readSettings(caller: Caller, providerName: string): Promise<DeliverySettings> {
    const provider = this.webhookProvider(providerName);
    return this.settings.read(caller.orgId, await this.integrationOf(caller, provider));
  }

  /** Has these of the hub's own events delivered from now on, and no others. */
  async changeSettings(
    caller: Caller,
    providerName: string,
    events: readonly DeliveredEvent[],
  ): Promise<DeliverySettings> {
    const owner = await this.owner(caller, this.webhookProvider(providerName));
    const changed = await this.settings.setEvents(owner, events, actorOf(caller));
    if (!changed) throw notConnected();
    return changed;
  }

  /** @param rotate whether a new one takes its place */
  async readSecret(caller: Caller, providerName: string, rotate: boolean): Promise<ReadSecret> {
    const owner = await this.owner(caller, this.webhookProvider(providerName));
    const found = await this.settings.readSecret(owner, { rotate }, actorOf(caller));
    if (!found) throw notConnected();
    return {
      secret: await this.vault.open(deliverySecretCell(owner), found.secret),
      previousUntil: found.previousUntil,
    };
  }

  private async owner(caller: Caller, provider: ProviderId): Promise<SettingsOwner> {
    const integrationId = await this.integrationOf(caller, provider);
    return this.vault.withSealer(caller.orgId, (sealer) => this.ownerOf(sealer, caller, provider, integrationId));
  }

  /** With a secret that is kept if the integration has none yet. */
  private ownerOf(
    sealer: Sealer,
    { orgId }: Caller,
    provider: ProviderId,
    integrationId: IntegrationId,
  ): SettingsOwner {
    const secret = SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
    const cell = deliverySecretCell({ orgId, provider, integrationId });
    return { orgId, integrationId, provider, secret: sealer.seal(cell, new PlainToken(secret)) };
  }

  private async integrationOf({ orgId }: Caller, provider: ProviderId): Promise<IntegrationId> {
    const integration = await this.integrations.find(orgId, provider);
    if (!integration) throw notConnected();
    return integration.id;
  }

  private webhookProvider(name: string): ProviderId {
    const provider = this.providers.find(name);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    if (provider.definition.authMode === 'webhook_url') return providerId(provider.definition);
    const others = this.providers.all().filter(({ definition }) => definition.authMode === 'webhook_url');
    throw new HubError('invalid_request', `${provider.definition.label} has no webhook that could be delivered to.`, {
      fix: `Deliver to a provider whose credential is a webhook URL: ${others.map(({ definition }) => definition.label).join(', ')}.`,
    });
  }
}

function notConnected(): HubError {
  return new HubError('not_connected', 'This org has not connected this provider.');
}

/** What a caller has to know of an event that it posts again. */
function endOf({ rowId, state }: Extract<Accepted, { kind: 'known' }>): Pick<TakenEvent, 'ended'> {
  if (state === 'dead') return { ended: { state, deadLetter: deadLetterId({ kind: 'delivery', rowId }) } };
  return state === 'cancelled' ? { ended: { state } } : {};
}

const FULL: Readonly<Record<keyof Backlog, { detail: string; title: string; fix: string }>> = {
  pending: {
    detail: `As many deliveries wait as an integration may have, ${MOST_PENDING}.`,
    title: 'Too many deliveries are waiting',
    fix: 'See by GET …/deliveries why they wait: a receiver that is down, or a URL that is gone. Then post it again.',
  },
  dead: {
    detail: `As many posted deliveries are dead letters as an integration may have, ${MOST_DEAD}.`,
    title: 'Too many deliveries are dead letters',
    fix: `See by GET …/deliveries?state=dead why they failed, mend that, and replay them (POST …/integrations/dead-letters/replay). Those that nobody replays end after ${KEPT_DEAD_DAYS} days; a disconnect ends all of them. Then post it again.`,
  },
};

function full(of: keyof Backlog): HubError {
  const { detail, ...more } = FULL[of];
  return new HubError('rate_limited', detail, { ...more, retryAfterSeconds: ASK_FULL_AGAIN_SECONDS });
}
