import type { ConfigurableProvider, HubConfig, ProviderSettings } from '@hub/config';
import type { Endpoints } from '@hub/domain';
import { providerCatalog } from './catalog';
import type { EndpointTemplates, InputDefinition, ProviderDefinition } from './provider-definition';
import type { RegisteredProvider } from './registered-provider';

/** What the configuration needs to know of every provider (`readConfig`). */
export const configurableProviders: readonly ConfigurableProvider[] = providerCatalog.map(
  ({ id, credentialPrefix }) => ({ id, credentialPrefix }),
);

const NO_SETTINGS: ProviderSettings = { credentials: null, scopes: null, endpoints: {} };

/** Every provider of the catalog, with this installation's settings. */
export class ProviderRegistry {
  private readonly providers: ReadonlyMap<string, RegisteredProvider>;

  /**
   * @param settings by provider id; a provider without any is there, but not configured
   * @param catalog  the definitions, for tests with their own
   */
  constructor(settings: HubConfig['providers'], catalog: readonly ProviderDefinition[] = providerCatalog) {
    this.providers = new Map(
      catalog.map((definition) => [definition.id, register(definition, settings[definition.id] ?? NO_SETTINGS)]),
    );
  }

  /** All of them, in the order of their ids. */
  all(): readonly RegisteredProvider[] {
    return [...this.providers.values()];
  }

  /** The provider of this id, `undefined` if there is none. */
  find(id: string): RegisteredProvider | undefined {
    return this.providers.get(id);
  }
}

function register(definition: ProviderDefinition, settings: ProviderSettings): RegisteredProvider {
  const requestedScopes = scopesToRequest(definition, settings);
  return {
    definition,
    configured: definition.authMode === 'webhook_url' || settings.credentials !== null,
    credentials: settings.credentials,
    requestedScopes,
    requiredScopes: definition.authMode === 'oauth2' ? definition.scopes.normalise(requestedScopes) : [],
    endpointsFor: (inputs) => endpointsFor(definition, settings, inputs),
    tenantHost: (inputs) =>
      hasPlaceholders(templatesOf(definition, settings).tokenUrl)
        ? endpointsFor(definition, settings, inputs).tokenUrl
        : null,
  };
}

function scopesToRequest(definition: ProviderDefinition, settings: ProviderSettings): readonly string[] {
  if (definition.authMode !== 'oauth2' || definition.scopes.separator === null) return [];
  return settings.scopes ?? definition.scopes.default;
}

/** A webhook provider has no OAuth addresses: an empty one can only fail. */
const NO_OAUTH = { authorizeUrl: '', tokenUrl: '', revokeUrl: null };

/** The operator's addresses where he names them, the definition's own otherwise. */
function templatesOf(definition: ProviderDefinition, { endpoints: replaced }: ProviderSettings): EndpointTemplates {
  const own: EndpointTemplates = { ...NO_OAUTH, ...definition.endpoints };
  return {
    authorizeUrl: replaced.authorizeUrl ?? own.authorizeUrl,
    tokenUrl: replaced.tokenUrl ?? own.tokenUrl,
    revokeUrl: replaced.revokeUrl ?? own.revokeUrl,
    apiBaseUrl: replaced.apiBaseUrl ?? own.apiBaseUrl,
  };
}

function endpointsFor(
  definition: ProviderDefinition,
  settings: ProviderSettings,
  inputs: Readonly<Record<string, string>>,
): Endpoints {
  const { authorizeUrl, tokenUrl, revokeUrl, apiBaseUrl } = templatesOf(definition, settings);
  const filled = (template: string) => fillPlaceholders(template, definition.inputs, inputs);
  return {
    authorizeUrl: filled(authorizeUrl),
    tokenUrl: filled(tokenUrl),
    revokeUrl: revokeUrl === null ? null : filled(revokeUrl),
    apiBaseUrl: filled(apiBaseUrl).replace(/\/+$/, ''),
  };
}

const PLACEHOLDER = /\{(\w+)\}/g;

function hasPlaceholders(template: string): boolean {
  return template.search(PLACEHOLDER) !== -1;
}

/** Only a value in its one kept spelling may become part of an address; anything else is a bug of the caller. */
function fillPlaceholders(
  template: string,
  definitions: readonly InputDefinition[],
  inputs: Readonly<Record<string, string>>,
): string {
  return template.replaceAll(PLACEHOLDER, (_placeholder, name: string) => {
    const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    const input = definitions.find((candidate) => candidate.name === name);
    if (value === undefined || input?.normalise(value) !== value)
      throw new Error(`the address needs the input ${name} in its normalised form`);
    return value;
  });
}
