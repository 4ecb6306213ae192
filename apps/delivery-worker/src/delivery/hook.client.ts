import { HUB_CONFIG, type HubConfig } from '@hub/config';
import type { DeliveryClaim } from '@hub/database';
import { failure, type Failure } from '@hub/domain';
import { OutboundClient } from '@hub/outbound';
import {
  ProviderRegistry,
  readDeliveryOutcome,
  webhookAddress,
  type SendPace,
  type WebhookProvider,
} from '@hub/providers';
import { JOBS } from '@hub/queues';
import { deliveryDataCell, deliverySecretCell, OpenFailed, tokenCell, TokenVault } from '@hub/token-vault';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { deliveryBody, signatureHeaders } from './signature';

/** From the request to the last byte of the answer. */
const DEADLINE_MS = 10_000;

/** A delivery that is ready to be sent. */
export interface ReadyDelivery {
  readonly definition: WebhookProvider;
  readonly paces: readonly SendPace[];
  readonly eventId: string;
  readonly address: string;
  readonly body: string;
  readonly secrets: readonly string[];
}

/** How a send ended. */
export type SendOutcome =
  | { readonly kind: 'taken'; readonly status: number }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly status: number | null }
  /** Nothing has left: this process ends. */
  | { readonly kind: 'not_sent' };

/** The conversation with an org's webhook: opens what is sealed, signs, sends, and reads the answer. */
@Injectable()
export class HookClient implements OnApplicationShutdown {
  private readonly outbound: OutboundClient;

  constructor(
    @Inject(HUB_CONFIG) config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly vault: TokenVault,
  ) {
    // all hooks of a provider lie at one origin: none may wait for a connection that a slow one holds
    this.outbound = new OutboundClient(config.outbound, 2 * JOBS.delivery.concurrency);
  }

  /**
   * @returns why it cannot be sent, where the hub itself is at fault
   * @throws KeyUnavailable while the key provider is away
   */
  async prepare(claim: DeliveryClaim): Promise<ReadyDelivery | Failure> {
    const provider = this.providers.find(claim.provider);
    if (provider?.definition.authMode !== 'webhook_url') return failure('internal', 'no_webhook_provider');
    const { definition } = provider;
    try {
      const url = await this.opened(tokenCell({ ...claim, id: claim.integrationId }, 'access_token'), claim.webhookUrl);
      const data = await this.opened(deliveryDataCell(claim), claim.data);
      const secrets = await Promise.all(claim.secrets.map((secret) => this.opened(deliverySecretCell(claim), secret)));
      return {
        definition,
        paces: definition.sendPaces(url),
        eventId: claim.eventId,
        address: webhookAddress(provider.endpointsFor({}), url),
        body: deliveryBody({ ...claim, id: claim.eventId, data }),
        secrets,
      };
    } catch (error) {
      if (!(error instanceof OpenFailed)) throw error;
      return failure('internal', `${error.cell.column}_${error.reason}`);
    }
  }

  /** Sends it once. Never throws for what the other side does. */
  async send({ definition, eventId, address, body, secrets }: ReadyDelivery): Promise<SendOutcome> {
    const outcome = await this.outbound.send({
      method: 'POST',
      url: address,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...signatureHeaders(eventId, body, secrets, new Date()),
      },
      body,
      deadlineMs: DEADLINE_MS,
    });
    if (outcome.kind === 'not_sent' && outcome.reason === 'closed') return { kind: 'not_sent' };
    const status = outcome.kind === 'answer' ? outcome.answer.status : null;
    const refusal = readDeliveryOutcome(definition, outcome);
    if (refusal) return { kind: 'failed', failure: refusal, status };
    return { kind: 'taken', status: status ?? 0 };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.outbound.close();
  }

  private async opened(cell: Parameters<TokenVault['open']>[0], sealed: string): Promise<string> {
    return (await this.vault.open(cell, sealed)).reveal();
  }
}
