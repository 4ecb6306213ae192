import { aPage, anAnswer, answered, scriptedApi } from '../../../testing/scripted-wire';
import type { OutboundOutcome } from '@hub/outbound';
import type { Conversation, WireAnswer } from '../../provider-definition';
import { provider } from './notion.provider';

const apiError = (status: number, code: string, more = {}) =>
  anAnswer(status, { object: 'error', status, code, ...more });

describe('what Notion means by', () => {
  it.each<[string, WireAnswer, Conversation, string, string]>([
    [
      'a dead grant, as the guide shows it',
      anAnswer(400, { error: 'invalid_grant' }),
      'refresh',
      'invalid_grant',
      'definite',
    ],
    ['a dead grant, as the reference shows it', apiError(400, 'invalid_grant'), 'refresh', 'invalid_grant', 'definite'],
    [
      'a wrong secret',
      anAnswer(401, { error: 'invalid_client', request_id: 'x' }),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    ['a wrong redirect', apiError(400, 'invalid_request'), 'exchange', 'provider_misconfigured', 'ours'],
    ['a test environment', apiError(403, 'test_env_error'), 'exchange', 'provider_misconfigured', 'ours'],
    ['a throttle', anAnswer(429), 'api', 'rate_limited', 'transient'],
    ['an overload', apiError(529, 'service_overload'), 'api', 'rate_limited', 'transient'],
    ['another scheme than Bearer', apiError(401, 'invalid_request'), 'api', 'provider_misconfigured', 'ours'],
  ])('%s', (_what, answer, conversation, code, kind) => {
    expect(provider.readFailure(answer, conversation)).toMatchObject({ code, kind });
  });

  it.each<[string, WireAnswer, Conversation]>([
    ['a page', aPage(400, 'invalid_grant'), 'refresh'],
    ['an unknown word', apiError(400, 'odd'), 'refresh'],
    ['a server error', apiError(500, 'internal_server_error'), 'refresh'],
    ['a refused token', apiError(401, 'unauthorized'), 'api'],
    ['a missing capability', apiError(403, 'restricted_resource'), 'api'],
    ['a page that is not shared', apiError(404, 'object_not_found'), 'api'],
    ['a success', anAnswer(200, { object: 'user' }), 'api'],
  ])('%s is left to the reading for all', (_what, answer, conversation) => {
    expect(provider.readFailure(answer, conversation)).toBeUndefined();
  });

  it('a throttle stands in the header or in the body', () => {
    expect(provider.readFailure(anAnswer(429, {}, { 'retry-after': '3' }), 'api')?.retryAfterMs).toBe(3_000);
    const inBody = { additional_data: { retry_after: '5', rate_limit_reason: 'public_api_request_blocked' } };
    expect(provider.readFailure(anAnswer(429, inBody), 'api')).toMatchObject({
      reason: 'public_api_request_blocked',
      retryAfterMs: 5_000,
    });
  });
});

describe('a grant of Notion', () => {
  const body = {
    access_token: 'ntn_1',
    token_type: 'bearer',
    refresh_token: 'nrt_1',
    bot_id: 'bot-1',
    workspace_id: 'ws-1',
    workspace_name: 'Acme',
    owner: {},
  };

  it('tells workspace and bot, and no end and no scope', () => {
    expect(provider.readGrant(anAnswer(200, body), 'exchange')).toEqual({
      ok: true,
      grant: {
        accessToken: 'ntn_1',
        refreshToken: 'nrt_1',
        expiresInSeconds: null,
        refreshExpiresInSeconds: null,
        scopes: undefined,
        account: { id: 'ws-1', label: 'Acme' },
        metadata: { workspaceName: 'Acme', botId: 'bot-1' },
      },
    });
  });

  it('may have no refresh token and no name', () => {
    const answer = anAnswer(200, { ...body, refresh_token: null, workspace_name: null });
    expect(provider.readGrant(answer, 'exchange')).toMatchObject({
      ok: true,
      grant: { refreshToken: undefined, account: { id: 'ws-1', label: 'ws-1' }, metadata: { workspaceName: null } },
    });
  });
});

describe('the metadata of a workspace', () => {
  const me = answered(200, { id: 'bot-1', type: 'bot', bot: { workspace_id: 'ws-1', workspace_name: 'Acme' } });
  const page = (types: string[], next: string | null) =>
    answered(200, { results: types.map((type) => ({ type })), has_more: next !== null, next_cursor: next });

  async function read(...outcomes: OutboundOutcome[]) {
    const { api, sent } = scriptedApi(provider, ...outcomes);
    const reading = await provider.metadata({ api, inputs: {}, known: { workspaceName: 'Known' } });
    return { reading, paths: sent.map(({ url }) => url.replace('https://api.example', '')) };
  }

  it('count people, not bots, over all pages', async () => {
    const { reading, paths } = await read(me, page(['person', 'bot'], 'next/1'), page(['person', 'person'], null));
    expect(reading).toEqual({
      ok: true,
      metadata: { workspaceName: 'Acme', botId: 'bot-1', memberCount: 3 },
      account: { id: 'ws-1', label: 'Acme' },
    });
    expect(paths).toEqual(['/v1/users/me', '/v1/users?page_size=100', '/v1/users?page_size=100&start_cursor=next%2F1']);
  });

  it('have no count without the capability to list users', async () => {
    const { reading } = await read(me, answered(403, { code: 'restricted_resource' }));
    expect(reading).toMatchObject({ ok: true, metadata: { memberCount: null } });
  });

  it('have no count where there is no end of pages', async () => {
    const endless = Array.from({ length: 100 }, (_each, index) => page(['person'], `c${index}`));
    const { reading, paths } = await read(me, ...endless);
    expect(reading).toMatchObject({ ok: true, metadata: { memberCount: null } });
    expect(paths).toHaveLength(101);
  });

  it('keep the known name where Notion tells none', async () => {
    const { reading } = await read(answered(200, { id: 'bot-1', bot: { workspace_name: null } }), page([], null));
    expect(reading).toMatchObject({ metadata: { workspaceName: 'Known', memberCount: 0 }, account: null });
  });

  it('fail by a refused token, a throttle, and by nothing at all', async () => {
    expect((await read(answered(401, { code: 'unauthorized' }))).reading).toMatchObject({ status: 401 });
    expect((await read(me, answered(429))).reading).toMatchObject({ failure: { code: 'rate_limited' } });
    expect((await read(answered(200, {}))).reading).toMatchObject({ failure: { code: 'bad_provider_response' } });
  });
});

describe('the wire of Notion', () => {
  it('names its version in every call', async () => {
    const { api, sent } = scriptedApi(provider, answered(200, {}));
    await provider.probe(api);
    expect(sent[0]).toMatchObject({
      url: 'https://api.example/v1/users/me',
      headers: { 'notion-version': '2026-03-11', authorization: 'Bearer access-token' },
    });
    expect(provider.token.headers).toEqual({ 'notion-version': '2026-03-11' });
  });

  it('revokes the access token by Basic and JSON', () => {
    const endpoints = { authorizeUrl: '', tokenUrl: '', revokeUrl: 'https://r.example/revoke', apiBaseUrl: '' };
    const tokens = { accessToken: 'ntn_1', refreshToken: 'nrt_1', clientId: 'id', clientSecret: 'secret' };
    expect(provider.revoke.request({ ...tokens, endpoints })).toMatchObject({
      method: 'POST',
      url: 'https://r.example/revoke',
      headers: { authorization: `Basic ${Buffer.from('id:secret').toString('base64')}` },
      body: '{"token":"ntn_1"}',
    });
  });
});
