import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseUrl, splitList, type SettingReader } from './environment';

/** What the configuration needs to know of a provider: its id, and the prefix of its credentials, if it takes any. */
export interface ConfigurableProvider {
  readonly id: string;
  readonly credentialPrefix: string | null;
}

/** The hub's registration at a provider. */
export interface ProviderCredentials {
  readonly clientId: string;
  /** At least one. An ordered list while a secret is changed: the first is tried first. */
  readonly clientSecrets: readonly [string, ...string[]];
}

/** Addresses that stand in for a provider's own. */
export interface EndpointOverrides {
  readonly authorizeUrl?: string | undefined;
  readonly tokenUrl?: string | undefined;
  readonly revokeUrl?: string | undefined;
  readonly apiBaseUrl?: string | undefined;
}

export interface ProviderSettings {
  /** `null`: none were given; the provider is shown as not configured. */
  readonly credentials: ProviderCredentials | null;
  /** Replaces the scopes asked by default. */
  readonly scopes: readonly string[] | null;
  readonly endpoints: EndpointOverrides;
}

/** Reads every provider's settings, keyed by provider id. */
export function readProviderSettings(
  reader: SettingReader,
  providers: readonly ConfigurableProvider[],
): Record<string, ProviderSettings> {
  const endpoints = readEndpointsFile(reader, providers);
  return Object.fromEntries(
    providers.map((provider) => [provider.id, readOne(reader, provider, endpoints[provider.id] ?? {})]),
  );
}

function readOne(
  reader: SettingReader,
  { credentialPrefix: prefix }: ConfigurableProvider,
  endpoints: EndpointOverrides,
): ProviderSettings {
  if (prefix === null) return { credentials: null, scopes: null, endpoints };
  const scopes = reader.raw(`${prefix}_SCOPES`);
  return {
    credentials: readCredentials(reader, prefix),
    scopes: scopes === undefined ? null : scopes.split(/[\s,]+/).filter(Boolean),
    endpoints,
  };
}

function readCredentials(reader: SettingReader, prefix: string): ProviderCredentials | null {
  const clientId = reader.raw(`${prefix}_CLIENT_ID`);
  const [first, ...more] = splitList(reader.raw(`${prefix}_CLIENT_SECRET`));
  if (clientId === undefined && first === undefined) return null;
  if (clientId !== undefined && first !== undefined) return { clientId, clientSecrets: [first, ...more] };
  reader.mistakes.add(
    `${prefix}_CLIENT_ID and ${prefix}_CLIENT_SECRET belong together: ${clientId === undefined ? 'the id' : 'the secret'} is missing`,
  );
  return null;
}

const endpointUrl = z.string().refine((text) => {
  const url = parseUrl(text.replaceAll('{shop}', 'shop.example'));
  return url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.hash === '';
}, 'must be an absolute http or https URL');

const endpointsFile = z.record(
  z.string(),
  z.strictObject({
    authorizeUrl: endpointUrl.optional(),
    tokenUrl: endpointUrl.optional(),
    revokeUrl: endpointUrl.optional(),
    apiBaseUrl: endpointUrl.optional(),
  }),
);

function readEndpointsFile(
  reader: SettingReader,
  providers: readonly ConfigurableProvider[],
): Record<string, EndpointOverrides> {
  const path = reader.text('PROVIDER_ENDPOINTS_FILE');
  if (path === undefined) return {};
  const parsed = endpointsFile.safeParse(readJson(reader, path));
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      reader.mistakes.add(`PROVIDER_ENDPOINTS_FILE: ${[...issue.path, issue.message].join(': ')}`);
    return {};
  }
  const known = new Set(providers.map((provider) => provider.id));
  for (const id of Object.keys(parsed.data).filter((id) => !known.has(id))) {
    reader.mistakes.add(
      `PROVIDER_ENDPOINTS_FILE names ${JSON.stringify(id)}, which is no provider; known are ${[...known].join(', ')}`,
    );
  }
  return parsed.data;
}

function readJson(reader: SettingReader, path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason =
      error instanceof SyntaxError
        ? 'is no valid JSON'
        : `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`;
    reader.mistakes.add(`PROVIDER_ENDPOINTS_FILE: the file ${reason}`);
    return {};
  }
}
