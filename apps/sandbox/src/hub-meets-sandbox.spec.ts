import type { AddressInfo } from 'node:net';
import { OutboundClient } from '@hub/outbound';
import { buildAuthorizationRequest, OAuthClient, providerCatalog, ProviderRegistry, speaksOAuth } from '@hub/providers';
import { createSandbox, type Sandbox } from './server';

/** The hub's own clients, by the files and settings the sandbox hands out: every OAuth provider goes the whole way. */

const REDIRECT_URI = 'http://localhost:3000/functions/v1/integrations-callback/any';
const STATE = 's'.repeat(43);

let sandbox: Sandbox;
let registry: ProviderRegistry;
const outbound = new OutboundClient({ allowPrivate: true, allowHosts: [] });
const client = new OAuthClient(outbound);

beforeAll(async () => {
  sandbox = await createSandbox();
  await sandbox.app.listen({ port: 0, host: '127.0.0.1' });
  const endpoints = sandbox.world.endpoints();
  const settings = sandbox.world.all().map(({ provider: { id, credentials } }) => {
    const known = credentials && {
      clientId: credentials.clientId,
      clientSecrets: [credentials.clientSecret] as [string],
    };
    return [id, { credentials: known, scopes: null, endpoints: endpoints[id] ?? {} }];
  });
  registry = new ProviderRegistry(Object.fromEntries(settings));
});
afterAll(async () => {
  await outbound.close();
  await sandbox.app.close();
});

const oauthIds = providerCatalog.filter(({ authMode }) => authMode === 'oauth2').map(({ id }) => id);

function base(): string {
  return `http://localhost:${(sandbox.app.server.address() as AddressInfo).port}`;
}

function admin(method: string, path: string, body: object): Promise<Response> {
  return fetch(`${base()}/admin${path}`, { method, body: JSON.stringify(body) });
}

/** Connects as the hub does; answers the grant and all that is needed to go on. */
async function connect(id: string, handle: string) {
  const provider = registry.find(id)!;
  if (!speaksOAuth(provider)) throw new Error(`${id} has no OAuth`);
  const { definition } = provider;
  const given = definition.inputs.map((input) => [input.name, input.normalise(`${handle}.myshopify.com`)!]);
  const inputs = Object.fromEntries(given) as Record<string, string>;
  const endpoints = provider.endpointsFor(inputs);
  const order = { provider, endpoints, redirectUri: REDIRECT_URI, state: STATE };
  const { url, verifier } = await buildAuthorizationRequest(order);

  const page = await fetch(url);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain(`stands in for ${definition.label}`);
  const account = inputs.shop ?? handle;
  const decided = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams({ decision: 'approve', account }),
    redirect: 'manual',
  });
  const back = new URL(decided.headers.get('location')!);
  const query = Object.fromEntries(back.searchParams);
  expect(query.state).toBe(STATE);
  if (query.iss !== undefined) expect(query.iss).toBe(definition.issuer);
  const refusal = definition.verifyCallback?.({
    query,
    inputs,
    clientSecrets: provider.credentials!.clientSecrets,
    nowSeconds: Date.now() / 1000,
  });
  expect(refusal).toBeUndefined();

  const answer = await client.exchange(provider, endpoints, { code: query.code!, redirectUri: REDIRECT_URI, verifier });
  if (!answer.ok) throw new Error(`${id}: ${JSON.stringify(answer.failure)}`);
  return { provider, definition, endpoints, inputs, account, grant: answer.grant };
}

describe.each(oauthIds)('%s', (id) => {
  it('connects with every scope asked for, tells whose account it is, and fills the metadata', async () => {
    const { provider, definition, endpoints, inputs, account, grant } = await connect(id, 'first');
    expect([...(grant.scopes ?? [])].sort()).toEqual([...provider.requiredScopes].sort());
    expect(grant.refreshToken).toBeDefined();
    const api = client.api(provider, endpoints, grant.accessToken);
    const reading = await definition.metadata({ api, inputs, known: grant.metadata });
    if (!reading.ok) throw new Error(JSON.stringify(reading.failure));
    expect(Object.values(reading.metadata)).not.toContain(null);
    const expected = sandbox.world.named(id).provider.accountId(account);
    expect(reading.account?.id).toBe(expected);
    const identified = await definition.identify?.(api);
    if (identified) expect(identified).toMatchObject({ ok: true, account: { id: expected } });
  });

  it('refreshes, and keeps working with what it got', async () => {
    const { provider, definition, endpoints, inputs, grant } = await connect(id, 'second');
    const refreshed = await client.refresh(provider, endpoints, grant.refreshToken!);
    if (!refreshed.ok) throw new Error(JSON.stringify(refreshed.failure));
    expect(refreshed.grant.accessToken).not.toBe(grant.accessToken);
    const api = client.api(provider, endpoints, refreshed.grant.accessToken);
    expect(await definition.metadata({ api, inputs, known: {} })).toMatchObject({ ok: true });
  });

  it('hears invalid_grant of a revoked grant, and 401 of its token', async () => {
    const { provider, definition, endpoints, inputs, account, grant } = await connect(id, 'third');
    await admin('POST', `/grants/${id}/revoke`, { account });
    const refused = await client.refresh(provider, endpoints, grant.refreshToken!);
    expect(refused).toMatchObject({ ok: false, failure: { code: 'invalid_grant', kind: 'definite' } });
    const api = client.api(provider, endpoints, grant.accessToken);
    expect(await definition.metadata({ api, inputs, known: {} })).toMatchObject({ ok: false, status: 401 });
  });

  it('ends the grant by its own revocation', async () => {
    const { provider, endpoints, grant } = await connect(id, 'fourth');
    const tokens = { accessToken: grant.accessToken, refreshToken: grant.refreshToken };
    expect(await client.revoke(provider, endpoints, tokens)).toEqual({ ok: true, outcome: 'revoked' });
    expect(await client.refresh(provider, endpoints, grant.refreshToken!)).toMatchObject({
      ok: false,
      failure: { code: 'invalid_grant' },
    });
  });

  it.each([
    [{ kind: 'rate_limit', retryAfter: 3 }, 'rate_limited'],
    [{ kind: 'status', status: 503 }, 'provider_unavailable'],
    [{ kind: 'html' }, 'provider_unavailable'],
    [{ kind: 'lost_response' }, 'token_refresh_failed'],
    [{ kind: 'garbled' }, 'token_refresh_failed'],
    [{ kind: 'flood', bytes: 200_000 }, 'token_refresh_failed'],
  ])('never loses a connection to %j', async (fault, code) => {
    const { provider, endpoints, account, grant } = await connect(id, `fault-${fault.kind.replace('_', '-')}`);
    await admin('POST', `/faults/${id}`, { on: 'refresh', account, times: 1, ...fault });
    const answer = await client.refresh(provider, endpoints, grant.refreshToken!);
    expect(answer).toMatchObject({ ok: false, failure: { code } });
    expect(answer).not.toMatchObject({ failure: { kind: 'definite' } });
  });

  it('takes a wrong secret for the operator’s trouble', async () => {
    const { provider, endpoints, account, grant } = await connect(id, 'secret');
    const path = `/settings/${id}`;
    const { clientSecrets } = sandbox.world.named(id).provider.defaults;
    await admin('PATCH', path, { clientSecrets: ['changed meanwhile'] });
    const answer = await client.refresh(provider, endpoints, grant.refreshToken!);
    await admin('PATCH', path, { clientSecrets });
    expect(answer).toMatchObject({ ok: false, failure: { code: 'provider_misconfigured' } });
    expect(account).toBeDefined();
  });
});
