import { OAuthClient } from '../src/oauth/oauth.client';
import type { OutboundClient, OutboundOutcome, OutboundRequest } from '@hub/outbound';
import type { ApiClient, OAuthProvider, ProviderDefinition, WireAnswer } from '../src/provider-definition';
import type { RegisteredProvider } from '../src/registered-provider';

/** For specs: answers without a network. */

/** An answer as a provider would send it: an object goes out as JSON, text as it is. */
export function anAnswer(status: number, body: unknown = '', headers: Record<string, string> = {}): WireAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, text, json: typeof body === 'string' ? undefined : (JSON.parse(text) as unknown) };
}

/** A page as edges and firewalls send it. */
export function aPage(status: number, text = '<h1>Sorry</h1>'): WireAnswer {
  return anAnswer(status, text, { 'content-type': 'text/html; charset=utf-8' });
}

export function answered(...answer: Parameters<typeof anAnswer>): OutboundOutcome {
  return { kind: 'answer', answer: anAnswer(...answer) };
}

/** A wire that gives these outcomes in turn, and keeps what went out on it. */
export function scriptedWire(...outcomes: OutboundOutcome[]): { wire: OutboundClient; sent: OutboundRequest[] } {
  const sent: OutboundRequest[] = [];
  const wire: Pick<OutboundClient, 'send'> = {
    send: (request) => {
      sent.push(request);
      const outcome = outcomes.shift();
      return outcome ? Promise.resolve(outcome) : Promise.reject(new Error('nobody was to be asked'));
    },
  };
  return { wire: wire as OutboundClient, sent };
}

/** A provider as registered with these settings, at its real addresses. */
export function registered(definition: ProviderDefinition, more: Partial<RegisteredProvider> = {}): RegisteredProvider {
  return {
    definition,
    configured: true,
    credentials: { clientId: 'client-id', clientSecrets: ['client-secret'] },
    requestedScopes: [],
    requiredScopes: [],
    endpointsFor: () => ({ authorizeUrl: '', tokenUrl: '', revokeUrl: null, apiBaseUrl: 'https://api.example' }),
    tenantHost: () => null,
    ...more,
  };
}

/** The provider's API with these outcomes in turn. `sent` shows paths and bodies. */
export function scriptedApi(
  definition: OAuthProvider,
  ...outcomes: OutboundOutcome[]
): { api: ApiClient; sent: OutboundRequest[] } {
  const { wire, sent } = scriptedWire(...outcomes);
  const provider = registered(definition);
  return { api: new OAuthClient(wire).api(provider, provider.endpointsFor({}), 'access-token'), sent };
}
