import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoints } from '@hub/domain';
import { answered, registered, scriptedWire } from '../../testing/scripted-wire';
import type { OutboundClient, OutboundOutcome, OutboundRequest } from '@hub/outbound';
import type { OAuthProvider } from '../provider-definition';
import { readBearerGrant } from '../grant-reading';
import type { RegisteredProvider } from '../registered-provider';
import { OAuthClient } from './oauth.client';

const endpoints: Endpoints = {
  authorizeUrl: 'https://provider.example/authorize',
  tokenUrl: 'https://provider.example/token',
  revokeUrl: 'https://provider.example/revoke',
  apiBaseUrl: 'https://api.provider.example/base',
};

/** A provider that follows the RFCs, with one oddity at a time. */
function aProvider(
  oddity: Partial<OAuthProvider> = {},
  clientSecrets: [string, ...string[]] = ['first'],
): RegisteredProvider {
  const definition: OAuthProvider = {
    id: 'plain',
    label: 'Plain',
    docsUrl: 'https://provider.example/docs',
    authMode: 'oauth2',
    credentialPrefix: 'PLAIN',
    inputs: [],
    endpoints,
    authorize: { params: {}, pkce: 'S256' },
    scopes: { default: [], separator: ' ', normalise: (scopes) => [...scopes] },
    token: { clientAuth: 'body', body: 'form', sendsRedirectUri: true },
    readGrant: (answer, conversation) =>
      readBearerGrant(answer, conversation, { tokenType: 'required', normaliseScopes: (scopes) => [...scopes] }),
    readFailure: () => undefined,
    refresh: { mode: 'proactive', retry: 'none' },
    revoke: {
      manner: 'token',
      request: (grant) => ({
        method: 'POST',
        url: grant.endpoints.revokeUrl ?? '',
        body: `${grant.clientSecret}:${grant.refreshToken}`,
      }),
      isAlreadyRevoked: (answer) => answer.status === 400 && answer.text.includes('gone'),
    },
    apiHeaders: (accessToken) => ({ authorization: `Bearer ${accessToken}` }),
    metadata: () => Promise.resolve({ ok: true, metadata: {}, account: null }),
    ...oddity,
  };
  return registered(definition, { credentials: { clientId: 'id', clientSecrets }, endpointsFor: () => endpoints });
}

function setUp(...outcomes: OutboundOutcome[]) {
  const { wire, sent } = scriptedWire(...outcomes);
  return { client: new OAuthClient(wire), sent };
}

const grant = { access_token: 'at', token_type: 'bearer', expires_in: 60 };
const wrongSecret = answered(401, { error: 'invalid_client' });
const code = { code: 'c', redirectUri: 'https://hub.example/cb', verifier: 'v' };

describe('an exchange', () => {
  it('asks the token endpoint once, on a connection of its own, for ten seconds at most', async () => {
    const { client, sent } = setUp(answered(200, grant));
    expect(await client.exchange(aProvider(), endpoints, code)).toMatchObject({
      ok: true,
      grant: { accessToken: 'at' },
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      method: 'POST',
      url: 'https://provider.example/token',
      deadlineMs: 10_000,
      maxBytes: 65_536,
      freshConnection: true,
    });
  });

  it.each<[string, OutboundOutcome, string]>([
    ['a page', answered(200, '<html>'), 'bad_provider_response'],
    ['an error with 200', answered(200, { error: 'invalid_grant' }), 'bad_provider_response'],
    ['a strange life', answered(200, { ...grant, expires_in: -1 }), 'bad_provider_response'],
    ['a redirect', answered(302), 'bad_provider_response'],
    ['a lost answer', { kind: 'no_answer', reason: 'timeout' }, 'bad_provider_response'],
    ['a flood', { kind: 'no_answer', reason: 'too_large' }, 'bad_provider_response'],
    ['a used code', answered(400, { error: 'invalid_grant' }), 'invalid_grant'],
    ['a dead host', { kind: 'not_sent', reason: 'dns' }, 'provider_unavailable'],
  ])('that meets %s fails', async (_what, outcome, code_) => {
    const { client } = setUp(outcome);
    expect(await client.exchange(aProvider(), endpoints, code)).toMatchObject({ ok: false, failure: { code: code_ } });
  });
});

describe('a refresh', () => {
  it('waits as long as it is told to', async () => {
    const { client, sent } = setUp(answered(200, grant), answered(200, grant));
    await client.refresh(aProvider(), endpoints, 'rt', { deadlineMs: 2_000 });
    await client.refresh(aProvider(), endpoints, 'rt');
    expect(sent.map(({ deadlineMs }) => deadlineMs)).toEqual([2_000, 15_000]);
  });

  it('leaves the old refresh token in place when the provider sends none', async () => {
    const { client } = setUp(answered(200, grant));
    expect(await client.refresh(aProvider(), endpoints, 'rt')).toMatchObject({
      ok: true,
      grant: { refreshToken: undefined },
    });
  });

  it('keeps the tokens of an answer that is odd otherwise', async () => {
    const { client } = setUp(answered(200, { access_token: 'at', refresh_token: 'rt', expires_in: 0, scope: ['a'] }));
    expect(await client.refresh(aProvider(), endpoints, 'rt')).toMatchObject({
      ok: true,
      grant: { accessToken: 'at', refreshToken: 'rt', expiresInSeconds: null },
    });
  });

  it('knows the life of tokens whose answers do not tell it', async () => {
    const refresh = { mode: 'proactive', retry: 'none', defaultLifeSeconds: 3_600 } as const;
    const { client } = setUp(answered(200, { ...grant, expires_in: undefined }), answered(200, grant));
    const lives = [];
    for (let call = 0; call < 2; call += 1) {
      const answer = await client.refresh(aProvider({ refresh }), endpoints, 'rt');
      lives.push(answer.ok && answer.grant.expiresInSeconds);
    }
    expect(lives).toEqual([3_600, 60]);
  });

  it.each<[string, OutboundOutcome, string, string]>([
    ['unreadable success', answered(200, '{'), 'token_refresh_failed', 'in_doubt'],
    ['a lost answer', { kind: 'no_answer', reason: 'connection_lost' }, 'token_refresh_failed', 'in_doubt'],
    ['a dead host', { kind: 'not_sent', reason: 'refused' }, 'provider_unavailable', 'transient'],
    ['a dead grant', answered(400, { error: 'invalid_grant' }), 'invalid_grant', 'definite'],
    ['a wrong secret', wrongSecret, 'provider_misconfigured', 'ours'],
  ])('that meets %s fails', async (_what, outcome, failureCode, kind) => {
    const { client } = setUp(outcome);
    expect(await client.refresh(aProvider(), endpoints, 'rt')).toMatchObject({
      ok: false,
      failure: { code: failureCode, kind },
    });
  });

  it("lets the provider's own dialect go first, for refusals and for a success that is none", async () => {
    const readFailure: OAuthProvider['readFailure'] = (answer, conversation) => ({
      code: 'invalid_grant',
      kind: 'definite',
      reason: `${conversation} ${answer.status}`,
    });
    for (const status of [200, 418]) {
      const { client } = setUp(answered(status, { ok: false }));
      expect(await client.refresh(aProvider({ readFailure }), endpoints, 'rt')).toMatchObject({
        failure: { reason: `refresh ${status}` },
      });
    }
  });
});

describe('an ordered list of client secrets', () => {
  const secretsOf = (sent: OutboundRequest[]) => sent.map(({ body }) => new URLSearchParams(body).get('client_secret'));

  it('is tried in its order while the client is refused', async () => {
    const { client, sent } = setUp(wrongSecret, wrongSecret, answered(200, grant));
    expect(await client.refresh(aProvider({}, ['a', 'b', 'c']), endpoints, 'rt')).toMatchObject({ ok: true });
    expect(secretsOf(sent)).toEqual(['a', 'b', 'c']);
  });

  it('is not tried on when anything else is wrong', async () => {
    for (const outcome of [
      answered(400, { error: 'invalid_grant' }),
      answered(500),
      answered(400, { error: 'invalid_request' }),
    ]) {
      const { client, sent } = setUp(outcome);
      await client.refresh(aProvider({}, ['a', 'b']), endpoints, 'rt');
      expect(secretsOf(sent)).toEqual(['a']);
    }
  });

  it('is ours to mend when none of it is accepted', async () => {
    const { client } = setUp(wrongSecret, wrongSecret);
    expect(await client.refresh(aProvider({}, ['a', 'b']), endpoints, 'rt')).toMatchObject({
      failure: { code: 'provider_misconfigured', kind: 'ours' },
    });
  });

  it('shares one deadline', async () => {
    const { client, sent } = setUp(wrongSecret, answered(200, grant));
    await client.refresh(aProvider({}, ['a', 'b']), endpoints, 'rt', { deadlineMs: 15_000 });
    expect(sent[1]?.deadlineMs).toBeLessThan(15_000);
  });

  it('sends no next one that might be cut off on its way, and begins with it the next time', async () => {
    const { wire, sent } = scriptedWire(wrongSecret, answered(200, grant));
    const slow: Pick<OutboundClient, 'send'> = {
      send: async (request) => {
        await sleep(sent.length === 0 ? 600 : 0);
        return wire.send(request);
      },
    };
    const client = new OAuthClient(slow as OutboundClient);
    const provider = aProvider({}, ['a', 'b']);
    expect(await client.refresh(provider, endpoints, 'rt', { deadlineMs: 1_000 })).toMatchObject({
      failure: { code: 'provider_misconfigured', kind: 'ours' },
    });
    expect(secretsOf(sent)).toEqual(['a']);
    expect(await client.refresh(provider, endpoints, 'rt', { deadlineMs: 1_000 })).toMatchObject({ ok: true });
    expect(secretsOf(sent)).toEqual(['a', 'b']);
  });

  it('begins with the one that was accepted last, and comes back to the others when that is refused', async () => {
    const fresh = answered(200, grant);
    const { client, sent } = setUp(wrongSecret, fresh, fresh, wrongSecret, fresh, fresh);
    const provider = aProvider({}, ['a', 'b']);
    for (let call = 0; call < 3; call += 1) await client.refresh(provider, endpoints, 'rt');
    expect(secretsOf(sent)).toEqual(['a', 'b', 'b', 'b', 'a']);
    await client.refresh(aProvider({}, ['a', 'b']), endpoints, 'rt');
    expect(secretsOf(sent).at(-1)).toBe('a');
  });
});

describe('a revocation', () => {
  const tokens = { accessToken: 'at', refreshToken: 'rt' };

  it('asks in the manner of the provider', async () => {
    const { client, sent } = setUp(answered(200));
    expect(await client.revoke(aProvider(), endpoints, tokens)).toEqual({ ok: true, outcome: 'revoked' });
    expect(sent[0]).toMatchObject({ url: 'https://provider.example/revoke', body: 'first:rt' });
  });

  it('is done when nothing was left to revoke', async () => {
    const { client } = setUp(answered(400, 'gone'));
    expect(await client.revoke(aProvider(), endpoints, tokens)).toEqual({ ok: true, outcome: 'nothing_left' });
  });

  it('asks nobody where the provider has no way', async () => {
    const { client, sent } = setUp();
    const provider = aProvider({ revoke: { manner: 'none' } });
    expect(await client.revoke(provider, endpoints, tokens)).toEqual({ ok: true, outcome: 'not_offered' });
    expect(sent).toEqual([]);
  });

  it.each<[string, OutboundOutcome, string]>([
    ['an outage', answered(503), 'provider_unavailable'],
    ['a lost answer', { kind: 'no_answer', reason: 'timeout' }, 'provider_unavailable'],
    ['a refusal that nobody knows', answered(400, 'no'), 'bad_provider_response'],
  ])('that meets %s may be tried again', async (_what, outcome, failureCode) => {
    const { client } = setUp(outcome);
    expect(await client.revoke(aProvider(), endpoints, tokens)).toMatchObject({
      ok: false,
      failure: { code: failureCode, kind: 'transient' },
    });
  });

  it('tries the next secret when the client is refused', async () => {
    const { client, sent } = setUp(wrongSecret, answered(200));
    await client.revoke(aProvider({}, ['a', 'b']), endpoints, tokens);
    expect(sent.map(({ body }) => body)).toEqual(['a:rt', 'b:rt']);
  });
});

describe('the API', () => {
  it("is asked below the provider's base, with the token put in", async () => {
    const { client, sent } = setUp(answered(200, { a: 1 }), answered(200, []));
    const api = client.api(aProvider(), endpoints, 'at');
    expect(await api.get('/things?x=1')).toEqual({ ok: true, json: { a: 1 }, headers: {} });
    expect(await api.post('/things', { b: 2 })).toMatchObject({ ok: true, json: [] });
    expect(sent[0]).toMatchObject({
      method: 'GET',
      url: 'https://api.provider.example/base/things?x=1',
      headers: { authorization: 'Bearer at', accept: 'application/json' },
    });
    expect(sent[1]).toMatchObject({
      method: 'POST',
      body: '{"b":2}',
      headers: { 'content-type': 'application/json', authorization: 'Bearer at' },
    });
  });

  it('is asked for no longer than is left, and not at all once nothing is', async () => {
    const { client, sent } = setUp(answered(200, {}));
    const short = client.api(aProvider(), endpoints, 'at', { deadlineMs: 5_000 });
    expect(await short.get('/x')).toMatchObject({ ok: true });
    expect(sent[0]?.deadlineMs).toBeLessThanOrEqual(5_000);
    expect(sent[0]?.deadlineMs).toBeGreaterThan(0);
    const late = client.api(aProvider(), endpoints, 'at', { deadlineMs: 0 });
    expect(await late.get('/x')).toMatchObject({ ok: false, failure: { reason: 'timeout' }, status: null });
    expect(sent).toHaveLength(1);
  });

  it.each<[string, OutboundOutcome, string, number | null]>([
    ['a refused token', answered(401, {}), 'invalid_grant', 401],
    ['a missing right', answered(403, {}), 'insufficient_scope', 403],
    ['a throttle', answered(429, {}), 'rate_limited', 429],
    ['an outage', answered(502), 'provider_unavailable', 502],
    ['a success without JSON', answered(200, 'ok'), 'bad_provider_response', 200],
    ['a lost answer', { kind: 'no_answer', reason: 'timeout' }, 'provider_unavailable', null],
  ])('says what it means by %s', async (_what, outcome, failureCode, status) => {
    const { client } = setUp(outcome);
    const answer = await client.api(aProvider(), endpoints, 'at').get('/x');
    expect(answer).toMatchObject({ ok: false, failure: { code: failureCode }, status });
  });

  it("lets the provider's own dialect say no by 200", async () => {
    const provider = aProvider({
      readFailure: (answer) =>
        answer.text.includes('nope') ? { code: 'rate_limited', kind: 'transient', reason: 'nope' } : undefined,
    });
    const { client } = setUp(answered(200, { error: 'nope' }));
    expect(await client.api(provider, endpoints, 'at').get('/x')).toMatchObject({ ok: false, status: 200 });
  });
});

describe('a provider without OAuth or credentials', () => {
  it('is a mistake of the caller', () => {
    const { client } = setUp();
    const bare = { ...aProvider(), credentials: null };
    expect(() => client.refresh(bare, endpoints, 'rt')).toThrow('no credentials');
  });
});
