import { randomUUID } from 'node:crypto';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type NewFlow } from '@hub/database';
import { HubError, isAllowedRedirect, withParameters, type FlowCompletion, type FlowId } from '@hub/domain';
import { ProviderRegistry, providerId, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { flowCookie, type FlowCookie } from './flow-cookie';
import { flowEvent } from './flow-event';
import { countStart } from './flow-metrics';
import { FlowOpeningService } from './flow-opening.service';
import { readInputs, type GivenInputs, type ReadInputs } from './provider-inputs';
import { hashSecret, newSecret } from '../http/secrets';
import { WebhookConnectService } from './webhook-connect.service';

/** A connect as a caller orders it. */
export interface ConnectOrder {
  readonly provider: string;
  readonly redirectUri?: string | undefined;
  readonly inputs: GivenInputs;
  readonly completion: FlowCompletion;
  readonly allowAccountChange: boolean;
}

/** Where to send the browser, and the cookie that binds the flow to it, if the browser is to complete it. */
export interface ConnectStart {
  readonly authUrl: string;
  readonly cookie: FlowCookie | undefined;
}

/** Starts connects. */
@Injectable()
export class ConnectService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly flows: FlowRepository,
    private readonly opening: FlowOpeningService,
    private readonly webhooks: WebhookConnectService,
    private readonly denials: DenialsService,
  ) {}

  /** @param address of the caller, for the denials */
  async begin(caller: Caller, order: ConnectOrder, address: string): Promise<ConnectStart> {
    const provider = this.configuredProvider(order.provider);
    const returnUrl = this.returnUrl(caller, order, address);
    const given = this.inputsOf(caller, provider, order, address);
    const webhookUrl = given.inputs['webhookUrl'];
    if (provider.definition.authMode === 'webhook_url' && webhookUrl !== undefined) {
      await this.webhooks.store(caller, provider, webhookUrl);
      return { authUrl: withParameters(returnUrl, { success: order.provider }), cookie: undefined };
    }
    return this.beginFlow(caller, provider, order, returnUrl, given);
  }

  private configuredProvider(id: string): RegisteredProvider {
    const provider = this.providers.find(id);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    if (!provider.configured)
      throw new HubError('provider_not_configured', `${provider.definition.label} has no credentials in this hub.`);
    return provider;
  }

  private returnUrl(caller: Caller, { provider, redirectUri }: ConnectOrder, address: string): string {
    if (redirectUri === undefined) return `${this.config.siteUrl}/integrations`;
    if (isAllowedRedirect(redirectUri, this.config.redirectAllowList)) return redirectUri;
    this.denials.record({ name: 'flow.redirect_rejected', orgId: caller.orgId, sub: caller.sub, provider, address });
    throw new HubError(
      'redirect_uri_not_allowed',
      'redirectUri is not, character for character, one of the allowed return URLs.',
    );
  }

  private inputsOf(caller: Caller, provider: RegisteredProvider, order: ConnectOrder, address: string): ReadInputs {
    try {
      return readInputs(provider.definition, order.inputs);
    } catch (error) {
      const name =
        error instanceof HubError && error.code === 'webhook_host_not_allowed' ? 'webhook.rejected' : 'request.invalid';
      this.denials.record({ name, orgId: caller.orgId, sub: caller.sub, provider: order.provider, address });
      throw error;
    }
  }

  private async beginFlow(
    caller: Caller,
    provider: RegisteredProvider,
    order: ConnectOrder,
    returnUrl: string,
    given: ReadInputs,
  ): Promise<ConnectStart> {
    const id = randomUUID() as FlowId;
    const cookieSecret = newSecret();
    const flow: NewFlow = {
      id,
      orgId: caller.orgId,
      provider: providerId(provider.definition),
      startedBy: caller.sub,
      completion: order.completion,
      returnUrl,
      scopes: provider.requestedScopes,
      clientId: provider.credentials?.clientId ?? '',
      allowAccountChange: order.allowAccountChange,
      cookieHash: hashSecret(cookieSecret),
    };
    const authUrl =
      given.missing.length > 0 ? await this.awaitInput(flow) : await this.openFlow(flow, provider, given.inputs);
    countStart(flow.provider);
    // nothing could be completed with it: a deferred flow's callback does not ask who brings it
    if (order.completion === 'deferred') return { authUrl, cookie: undefined };
    return { authUrl, cookie: flowCookie('flow', id, cookieSecret, this.config.publicUrl) };
  }

  private async awaitInput(flow: NewFlow): Promise<string> {
    const page = newSecret();
    await this.flows.begin(flow, { pageHash: hashSecret(page) }, flowEvent(flow, 'flow.started'));
    return `${this.config.publicUrl}/functions/v1/integrations-connect/${page}`;
  }

  private async openFlow(
    flow: NewFlow,
    provider: RegisteredProvider,
    inputs: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { authUrl, opened } = await this.opening.open(flow, provider, inputs);
    await this.flows.begin(flow, { opened }, flowEvent(flow, 'flow.started'));
    return authUrl;
  }
}
