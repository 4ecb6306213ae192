import type { AddressInfo } from 'node:net';
import type { Endpoints } from '@hub/domain';
import { OutboundClient } from '@hub/outbound';
import {
  buildAuthorizationRequest,
  OAuthClient,
  ProviderRegistry,
  type AuthorizationRequest,
  type Grant,
  type OAuthProvider,
  type RegisteredProvider,
} from '@hub/providers';
import { createSandbox } from '../../apps/sandbox/src/server';

/** The sandbox over real HTTP, and the hub's own clients pointed at it. */
export interface Stand {
  readonly oauth: OAuthClient;
  readonly outbound: OutboundClient;
  provider(id: string, secrets?: readonly [string, ...string[]]): RegisteredProvider;
  /** Calls the sandbox's admin API. */
  admin(method: string, path: string, body?: unknown): Promise<unknown>;
  close(): Promise<void>;
}

export async function openStand(): Promise<Stand> {
  const { app, world } = await createSandbox();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const outbound = new OutboundClient({ allowPrivate: true, allowHosts: [] });
  const endpoints = world.endpoints();
  const credentials = world.credentials();
  return {
    outbound,
    oauth: new OAuthClient(outbound),
    provider(id, secrets) {
      const prefix = new ProviderRegistry({}).find(id)?.definition.credentialPrefix;
      const clientId = credentials[`${prefix}_CLIENT_ID`];
      const own = { scopes: null, endpoints: endpoints[id] ?? {} };
      const clientSecrets = secrets ?? ([credentials[`${prefix}_CLIENT_SECRET`] ?? ''] as const);
      const registry = new ProviderRegistry({
        [id]: { ...own, credentials: clientId === undefined ? null : { clientId, clientSecrets } },
      });
      const provider = registry.find(id);
      if (!provider) throw new Error(`there is no provider ${id}`);
      return provider;
    },
    async admin(method, path, body) {
      const answer = await fetch(`${base}/admin${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw new Error(`the sandbox refuses ${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer.status === 204 ? undefined : answer.json();
    },
    async close() {
      await outbound.close();
      await app.close();
    },
  };
}

/** One connect at the sandbox, as far as it has come. */
export interface Visit {
  readonly provider: RegisteredProvider<OAuthProvider>;
  readonly account: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly endpoints: Endpoints;
  readonly redirectUri: string;
  readonly state: string;
  readonly request: AuthorizationRequest;
  /** The callback's parameters. */
  readonly query: Readonly<Record<string, string>>;
}

let visits = 0;

/** Sends a browser to the provider as an account that nobody else uses; the sandbox decides by itself. */
export async function visit(
  stand: Stand,
  provider: RegisteredProvider<OAuthProvider>,
  consent: 'approve' | 'deny' = 'approve',
): Promise<Visit> {
  const { definition } = provider;
  const name = `exam-${process.pid}-${(visits += 1)}`;
  const inputs = Object.fromEntries(definition.inputs.map((input) => [input.name, input.normalise(name) ?? '']));
  const account = Object.values(inputs)[0] ?? `${name}@example.com`;
  await stand.admin('PATCH', `/settings/${definition.id}?account=${encodeURIComponent(account)}`, { consent });
  const endpoints = provider.endpointsFor(inputs);
  const redirectUri = `https://hub.example/functions/v1/integrations-callback/${definition.id}`;
  const state = Buffer.from(name.padEnd(32, '.')).toString('base64url');
  const request = await buildAuthorizationRequest({ provider, endpoints, redirectUri, state });
  const url = new URL(request.url);
  url.searchParams.set('account', account);
  const answer = await fetch(url, { redirect: 'manual' });
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`no way back from the consent: ${answer.status} ${await answer.text()}`);
  const query = Object.fromEntries(new URL(location).searchParams);
  return { provider, account, inputs, endpoints, redirectUri, state, request, query };
}

/** Redeems a visit's code. */
export function redeem(stand: Stand, { provider, endpoints, query, redirectUri, request }: Visit) {
  const code = { code: query['code'] ?? '', redirectUri, verifier: request.verifier };
  return stand.oauth.exchange(provider, endpoints, code);
}

/** A whole connect. */
export async function connect(
  stand: Stand,
  provider: RegisteredProvider<OAuthProvider>,
): Promise<Visit & { grant: Grant }> {
  const visited = await visit(stand, provider);
  const answer = await redeem(stand, visited);
  if (!answer.ok) throw new Error(`the exchange failed: ${JSON.stringify(answer.failure)}`);
  return { ...visited, grant: answer.grant };
}
