import type { HubConfig } from '@hub/config';
import { HUB_CONFIG } from '@hub/config';
import type { OpenedFlow } from '@hub/database';
import { callbackUrl, type FlowId, type OrgId } from '@hub/domain';
import { buildAuthorizationRequest, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import { FlowSecretsService } from './flow-secrets.service';
import { hashSecret, newSecret } from '../http/secrets';

/** A flow that is ready for its provider. */
export interface Opening {
  /** The provider's own authorize URL. */
  readonly authUrl: string;
  readonly opened: OpenedFlow;
}

/** Makes a flow's state, PKCE pair and frozen endpoints. */
@Injectable()
export class FlowOpeningService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly secrets: FlowSecretsService,
  ) {}

  /** The redirect URI of a provider's flows: its own for each provider, from our settings, never from a request (RFC 9700 §2.1, 4.4). */
  redirectUri(provider: RegisteredProvider): string {
    return callbackUrl(this.config.publicUrl, provider.definition.id);
  }

  /** @param inputs normalised and complete */
  async open(
    flow: { id: FlowId; orgId: OrgId },
    provider: RegisteredProvider,
    inputs: Readonly<Record<string, string>>,
  ): Promise<Opening> {
    const endpoints = provider.endpointsFor(inputs);
    const state = newSecret();
    const { url, verifier } = await buildAuthorizationRequest({
      provider,
      endpoints,
      redirectUri: this.redirectUri(provider),
      state,
    });
    const sealed = verifier === undefined ? null : await this.secrets.seal(flow, provider, 'verifier', verifier);
    return { authUrl: url, opened: { inputs, endpoints, stateHash: hashSecret(state), verifier: sealed } };
  }
}
