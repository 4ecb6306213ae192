import type { ProviderCredentials } from '@hub/config';
import type { Endpoints } from '@hub/domain';
import type { OAuthProvider, ProviderDefinition } from './provider-definition';

/** A provider as this installation knows it: its definition with the operator's settings. */
export interface RegisteredProvider<Definition extends ProviderDefinition = ProviderDefinition> {
  readonly definition: Definition;
  /** Whether it can be connected here: it has credentials, or needs none. */
  readonly configured: boolean;
  readonly credentials: ProviderCredentials | null;
  /** The scopes as they are sent, in the operator's or the definition's own spelling. */
  readonly requestedScopes: readonly string[];
  /** The same rights normalised, to compare with what is granted. */
  readonly requiredScopes: readonly string[];
  /**
   * Where the provider answers for these inputs, the operator's replacements included.
   *
   * @param inputs normalised, such as `{shop: 'x.myshopify.com'}`; those that an address needs must be there
   */
  endpointsFor(inputs: Readonly<Record<string, string>>): Endpoints;
  /**
   * What tells one tenant's token endpoint from another's, such as a shop's: its URL; `null` where one serves all.
   *
   * @param inputs as for `endpointsFor`
   */
  tenantHost(inputs: Readonly<Record<string, string>>): string | null;
}

/** A provider that speaks OAuth and has credentials here. */
export interface ConfiguredOAuth {
  readonly definition: OAuthProvider;
  readonly credentials: ProviderCredentials;
}

/** True for a provider that is connected by OAuth, false for one whose credential is a pasted URL. */
export function speaksOAuth(provider: RegisteredProvider): provider is RegisteredProvider<OAuthProvider> {
  return provider.definition.authMode === 'oauth2';
}

/** @throws Error if the provider has no OAuth or no credentials: callers ask `speaksOAuth` and `configured` before */
export function oauthHalf(provider: RegisteredProvider): ConfiguredOAuth {
  const { definition, credentials } = provider;
  if (definition.authMode !== 'oauth2') throw new Error(`${definition.id} does not speak OAuth`);
  if (credentials === null) throw new Error(`${definition.id} has no credentials here`);
  return { definition, credentials };
}
