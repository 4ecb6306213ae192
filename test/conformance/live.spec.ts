import { endsGrant, missingScopes } from '@hub/domain';
import {
  ProviderRegistry,
  readDeliveryOutcome,
  speaksOAuth,
  webhookAddress,
  type OAuthProvider,
  type RegisteredProvider,
} from '@hub/providers';
import { connect, openStand, redeem, visit, type Stand } from './sandbox-stand';

/** The exam's live half: the hub's own clients against the sandbox's wire, provider by provider. */

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const known = new ProviderRegistry({}).all();
const speaking = known.filter(speaksOAuth).map(({ definition }) => definition.id);
const pasted = known.filter((provider) => !speaksOAuth(provider)).map(({ definition }) => definition.id);

describe.each(speaking)('a connect to %s', (id) => {
  let provider: RegisteredProvider<OAuthProvider>;
  let definition: OAuthProvider;
  beforeAll(() => {
    provider = stand.provider(id) as RegisteredProvider<OAuthProvider>;
    ({ definition } = provider);
  });

  const now = () => Math.floor(Date.now() / 1_000);
  const secrets = () => provider.credentials?.clientSecrets ?? [];
  const refreshTokenOf = (grant: { refreshToken: string | undefined }) => {
    if (grant.refreshToken === undefined) throw new Error('the grant has no refresh token');
    return grant.refreshToken;
  };
  /** One fault at this account's next call of the kind. */
  const fault = (account: string, on: string, rule: object) =>
    stand.admin('POST', `/faults/${id}`, { on, account, times: 1, ...rule });

  it('comes back with its state, and with what its own verifier accepts', async () => {
    const { query, state, inputs } = await visit(stand, provider);
    expect(query['state']).toBe(state);
    expect(query['code']).toBeTruthy();
    if (query['iss'] !== undefined) expect(query['iss']).toBe(definition.issuer);
    const callback = { query, inputs, clientSecrets: secrets(), nowSeconds: now() };
    expect(definition.verifyCallback?.(callback)).toBeUndefined();
  });

  it('comes back forged only if it has no verifier', async () => {
    const { query, inputs } = await visit(stand, provider);
    const forged = { inputs, clientSecrets: secrets(), nowSeconds: now(), query: { ...query, code: 'forged' } };
    const late = { inputs, clientSecrets: secrets(), nowSeconds: now() + 3_600, query };
    for (const callback of [forged, late, { ...late, clientSecrets: ['another'] }])
      expect(definition.verifyCallback?.(callback)?.kind).toBe(definition.verifyCallback && 'not_authentic');
  });

  it('comes back from a denial with the word for it', async () => {
    const { query, inputs, state } = await visit(stand, provider, 'deny');
    expect(query).toMatchObject({ error: 'access_denied', state });
    const callback = { query, inputs, clientSecrets: secrets(), nowSeconds: now() };
    expect(definition.verifyCallback?.(callback)).toBeUndefined();
  });

  it('gives a grant with all that was asked for', async () => {
    const { grant } = await connect(stand, provider);
    const granted = grant.scopes ?? provider.requiredScopes;
    expect(missingScopes(provider.requiredScopes, granted)).toEqual([]);
    if (definition.refresh.mode === 'proactive') expect(grant.expiresInSeconds).toBeGreaterThan(0);
    else expect(grant.expiresInSeconds).toBeNull();
  });

  it('tells whose account it is, as the metadata do later', async () => {
    const { grant, inputs, endpoints, account } = await connect(stand, provider);
    const api = stand.oauth.api(provider, endpoints, grant.accessToken);
    const asked = await definition.identify?.(api);
    const found = grant.account ?? definition.accountFromInputs?.(inputs) ?? (asked?.ok ? asked.account : undefined);
    const { grants } = (await stand.admin('GET', `/grants/${id}?account=${encodeURIComponent(account)}`)) as {
      grants: { accountId: string }[];
    };
    expect(found?.id).toBe(grants[0]?.accountId);
    expect(found?.label).toBeTruthy();
    const reading = await definition.metadata({ api, inputs, known: grant.metadata });
    expect(reading).toMatchObject({ ok: true, account: { id: found?.id } });
    if (reading.ok) expect(Object.values(reading.metadata)).not.toContain(undefined);
    expect(await definition.probe?.(api)).toEqual(definition.probe && expect.objectContaining({ ok: true }));
  });

  it('refuses a used code for good', async () => {
    const visited = await visit(stand, provider);
    expect(await redeem(stand, visited)).toMatchObject({ ok: true });
    expect(await redeem(stand, visited)).toMatchObject({
      ok: false,
      failure: { code: 'invalid_grant', kind: 'definite' },
    });
  });

  it('refuses a code without the right PKCE proof, where the provider takes it', async () => {
    const visited = await visit(stand, provider);
    if (definition.authorize.pkce === 'off') return expect(visited.request.verifier).toBeUndefined();
    const stolen = { ...visited, request: { ...visited.request, verifier: 'x'.repeat(43) } };
    expect(await redeem(stand, stolen)).toMatchObject({ ok: false, failure: { kind: 'definite' } });
  });

  it('refreshes, and rotates as its manners say', async () => {
    const { grant, endpoints } = await connect(stand, provider);
    const first = refreshTokenOf(grant);
    const answer = await stand.oauth.refresh(provider, endpoints, first);
    if (!answer.ok) throw new Error(JSON.stringify(answer.failure));
    expect(answer.grant.accessToken).not.toBe(grant.accessToken);
    const api = stand.oauth.api(provider, endpoints, answer.grant.accessToken);
    expect(await definition.metadata({ api, inputs: {}, known: {} })).toMatchObject({ ok: true });
    const second = answer.grant.refreshToken ?? first;
    expect(second === first).toBe(definition.refresh.retry === 'nonRotating');
    expect(await stand.oauth.refresh(provider, endpoints, second)).toMatchObject({ ok: true });
    if (second === first) return;
    // The successor has been used: whatever the grace was, the first token is dead now.
    const again = await stand.oauth.refresh(provider, endpoints, first);
    expect(!again.ok && endsGrant(again.failure)).toBe(true);
  });

  it('is in doubt after a lost answer, and gets over it as its manners say', async () => {
    const { grant, endpoints, account } = await connect(stand, provider);
    const refreshToken = refreshTokenOf(grant);
    await fault(account, 'refresh', { kind: 'lost_response' });
    expect(await stand.oauth.refresh(provider, endpoints, refreshToken)).toMatchObject({
      ok: false,
      failure: { code: 'token_refresh_failed', kind: 'in_doubt' },
    });
    const again = await stand.oauth.refresh(provider, endpoints, refreshToken);
    const safe = definition.refresh.retry === 'nonRotating' || definition.refresh.retry === 'idempotent';
    if (safe) expect(again).toMatchObject({ ok: true });
    else expect(again.ok || endsGrant(again.failure)).toBe(true);
  });

  it.each<[string, object]>([
    ['an outage page', { kind: 'html', status: 503 }],
    ['an edge error', { kind: 'html', status: 520 }],
    ['a server error', { kind: 'status', status: 500 }],
    ['a throttle', { kind: 'rate_limit', retryAfter: 3 }],
    ['a page of a firewall', { kind: 'html', status: 403 }],
    ['half an answer', { kind: 'garbled' }],
    ['a flood', { kind: 'flood', bytes: 1_000_000 }],
    ['a connection that breaks first', { kind: 'drop_before' }],
    ['an error with 200', { kind: 'error', status: 200, body: { error: 'invalid_grant' } }],
    ['a redirect', { kind: 'error', status: 302, body: '', headers: { location: 'https://elsewhere.example/' } }],
  ])('outlives %s at a refresh', async (_what, rule) => {
    const { grant, endpoints, account } = await connect(stand, provider);
    await fault(account, 'refresh', rule);
    const answer = await stand.oauth.refresh(provider, endpoints, refreshTokenOf(grant));
    expect(answer).toMatchObject({ ok: false });
    if (!answer.ok) expect(['transient', 'in_doubt']).toContain(answer.failure.kind);
  });

  it('waits no longer than the deadline for an answer that drips', async () => {
    const { grant, endpoints, account } = await connect(stand, provider);
    await fault(account, 'refresh', { kind: 'drip', ms: 5_000 });
    const before = performance.now();
    const answer = await stand.oauth.refresh(provider, endpoints, refreshTokenOf(grant), { deadlineMs: 300 });
    expect(answer).toMatchObject({ failure: { code: 'token_refresh_failed', reason: 'timeout' } });
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it('blames a wrong secret on the hub, and finds the right one in a list', async () => {
    const { grant, endpoints } = await connect(stand, provider);
    const [right = ''] = secrets();
    const wrong = await stand.oauth.refresh(stand.provider(id, ['wrong']), endpoints, refreshTokenOf(grant));
    expect(wrong).toMatchObject({ ok: false, failure: { code: 'provider_misconfigured', kind: 'ours' } });
    const both = await stand.oauth.refresh(stand.provider(id, ['wrong', right]), endpoints, refreshTokenOf(grant));
    expect(both).toMatchObject({ ok: true });
  });

  it('is over for good once it is given back', async () => {
    const { grant, endpoints } = await connect(stand, provider);
    if (definition.revoke.manner === 'none') return;
    expect(await stand.oauth.revoke(provider, endpoints, grant)).toEqual({ ok: true, outcome: 'revoked' });
    const refused = await stand.oauth.refresh(provider, endpoints, refreshTokenOf(grant));
    expect(!refused.ok && endsGrant(refused.failure)).toBe(true);
  });

  it('is over for good once the person has taken it back, and the API says so by 401', async () => {
    const { grant, endpoints, account, inputs } = await connect(stand, provider);
    await stand.admin('POST', `/grants/${id}/revoke`, { account });
    const refused = await stand.oauth.refresh(provider, endpoints, refreshTokenOf(grant));
    expect(!refused.ok && endsGrant(refused.failure)).toBe(true);
    const api = stand.oauth.api(provider, endpoints, grant.accessToken);
    expect(await definition.metadata({ api, inputs, known: {} })).toMatchObject({
      ok: false,
      status: 401,
      failure: { code: 'invalid_grant' },
    });
  });

  it.each<[string, object, string]>([
    ['a throttle', { kind: 'rate_limit', retryAfter: 2 }, 'rate_limited'],
    ['an outage', { kind: 'html', status: 502 }, 'provider_unavailable'],
    ['a lost answer', { kind: 'lost_response' }, 'provider_unavailable'],
    ['half an answer', { kind: 'garbled' }, 'bad_provider_response'],
  ])('takes %s of the API for what it is', async (_what, rule, code) => {
    const { grant, endpoints, account, inputs } = await connect(stand, provider);
    await fault(account, 'api', rule);
    const api = stand.oauth.api(provider, endpoints, grant.accessToken);
    const reading = await definition.metadata({ api, inputs, known: {} });
    expect(reading).toMatchObject({ ok: false, failure: { code } });
    if (!reading.ok) expect(endsGrant(reading.failure)).toBe(false);
  });
});

describe.each(pasted)('a delivery to %s', (id) => {
  async function deliver(rule?: object) {
    const provider = stand.provider(id);
    const { definition } = provider;
    if (definition.authMode !== 'webhook_url') throw new Error(`${id} has no webhook`);
    const webhookUrl = definition.inputs[0]?.example ?? '';
    await stand.admin('DELETE', `/faults/${id}`);
    if (rule) await stand.admin('POST', `/faults/${id}`, { on: 'api', times: 1, ...rule });
    const outcome = await stand.outbound.send({
      method: 'POST',
      url: webhookAddress(provider.endpointsFor({}), webhookUrl),
      headers: { 'content-type': 'application/json' },
      body: '{"id":"1"}',
    });
    return readDeliveryOutcome(definition, outcome);
  }

  it('is taken', async () => {
    expect(await deliver()).toBeUndefined();
  });

  it.each<[string, object, string]>([
    ['a throttle', { kind: 'rate_limit' }, 'rate_limited'],
    ['an outage', { kind: 'html', status: 503 }, 'provider_unavailable'],
    ['a lost answer', { kind: 'lost_response' }, 'provider_unavailable'],
  ])('may be tried again after %s', async (_what, rule, code) => {
    expect(await deliver(rule)).toMatchObject({ code, kind: 'transient' });
  });

  it('is the last one when the hook is gone', async () => {
    expect(await deliver({ kind: 'error', status: 410, body: '' })).toMatchObject({
      code: 'invalid_grant',
      kind: 'definite',
    });
  });
});
