import type { SyncTarget } from '@hub/database';
import { failure } from '@hub/domain';
import {
  OAuthClient,
  ProviderRegistry,
  speaksOAuth,
  type ApiClient,
  type MetadataReading,
  type RegisteredProvider,
} from '@hub/providers';
import { OpenFailed, tokenCell, TokenVault } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';

/** Reads an integration's metadata at its provider, with the access token in hand. */
@Injectable()
export class MetadataClient {
  constructor(
    private readonly providers: ProviderRegistry,
    private readonly oauth: OAuthClient,
    private readonly vault: TokenVault,
  ) {}

  /** @throws KeyUnavailable while the key provider is away: nobody was asked then */
  async read(target: SyncTarget): Promise<MetadataReading> {
    const { integration } = target;
    const provider = this.providers.find(integration.provider);
    if (!provider) return ours('unknown_provider');
    try {
      const api = await this.apiOf(provider, target);
      return await provider.definition.metadata({ api, inputs: integration.inputs, known: integration.metadata });
    } catch (error) {
      if (!(error instanceof OpenFailed)) throw error;
      return { ok: false, failure: failure('internal', `access_token_${error.reason}`), status: null };
    }
  }

  private async apiOf(provider: RegisteredProvider, { integration, accessToken }: SyncTarget): Promise<ApiClient> {
    if (!speaksOAuth(provider)) return NO_API;
    const token = await this.vault.open(tokenCell(integration, 'access_token'), accessToken);
    return this.oauth.api(provider, provider.endpointsFor(integration.inputs), token.reveal());
  }
}

function ours(reason: string): MetadataReading {
  return { ok: false, failure: failure('provider_misconfigured', reason), status: null };
}

/** A provider that is not asked for its metadata has no API. */
const NO_API: ApiClient = {
  get: () => Promise.reject(new Error('this provider has no API to ask')),
  post: () => Promise.reject(new Error('this provider has no API to ask')),
};
