import { aPage, anAnswer, answered, scriptedApi } from '../../../testing/scripted-wire';
import type { OutboundOutcome } from '@hub/outbound';
import type { Conversation, WireAnswer } from '../../provider-definition';
import { provider } from './google_drive.provider';

const drive = (reason: string) => anAnswer(403, { error: { code: 403, errors: [{ reason, domain: 'x' }] } });

describe('what Google means by', () => {
  it.each<[string, WireAnswer, Conversation, string, string]>([
    [
      'a session that the Workspace ended',
      anAnswer(400, { error: 'invalid_grant', error_subtype: 'invalid_rapt' }),
      'refresh',
      'invalid_grant',
      'definite',
    ],
    ['a deleted client', anAnswer(401, { error: 'deleted_client' }), 'refresh', 'provider_misconfigured', 'ours'],
    ['a disabled client', anAnswer(401, { error: 'disabled_client' }), 'refresh', 'provider_misconfigured', 'ours'],
    ["an admin's policy", anAnswer(400, { error: 'admin_policy_enforced' }), 'refresh', 'access_denied', 'definite'],
    ['a throttle in words', anAnswer(403, { error: 'rate_limit_exceeded' }), 'refresh', 'rate_limited', 'transient'],
    ['a throttle in a page', aPage(403), 'refresh', 'rate_limited', 'transient'],
    ['a server error', aPage(500), 'refresh', 'provider_unavailable', 'transient'],
    [
      'an internal failure',
      anAnswer(400, { error: 'internal_failure' }),
      'refresh',
      'provider_unavailable',
      'transient',
    ],
    ["a user's rate limit by 403", drive('userRateLimitExceeded'), 'api', 'rate_limited', 'transient'],
    ['a rate limit by 403', drive('rateLimitExceeded'), 'api', 'rate_limited', 'transient'],
    ['a sharing limit by 403', drive('sharingRateLimitExceeded'), 'api', 'rate_limited', 'transient'],
    ['a daily limit by 403', drive('dailyLimitExceeded'), 'api', 'rate_limited', 'transient'],
    ['missing rights', drive('insufficientPermissions'), 'api', 'insufficient_scope', 'definite'],
    [
      'missing rights in the details',
      anAnswer(403, { error: { details: [{ reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }] } }),
      'api',
      'insufficient_scope',
      'definite',
    ],
    ['an API that is not enabled', drive('accessNotConfigured'), 'api', 'provider_misconfigured', 'ours'],
    ['a call without a token', drive('forbidden'), 'api', 'provider_misconfigured', 'ours'],
    ["a domain's policy", drive('domainPolicy'), 'api', 'access_denied', 'definite'],
    ['a full Drive', drive('storageQuotaExceeded'), 'api', 'bad_provider_response', 'transient'],
  ])('%s', (_what, answer, conversation, code, kind) => {
    expect(provider.readFailure(answer, conversation)).toMatchObject({ code, kind });
  });

  it.each<[string, WireAnswer, Conversation]>([
    ['a dead grant', anAnswer(400, { error: 'invalid_grant', error_description: 'Bad Request' }), 'refresh'],
    ['a wrong secret', anAnswer(401, { error: 'invalid_client' }), 'refresh'],
    ['a throttle', anAnswer(429, { error: 'rate_limit_exceeded' }), 'refresh'],
    ['a refused token', anAnswer(401, { error: { errors: [{ reason: 'authError' }] } }), 'api'],
    ['an unknown 403', drive('brandNew'), 'api'],
    ['a success', anAnswer(200, {}), 'api'],
  ])('%s is left to the reading for all', (_what, answer, conversation) => {
    expect(provider.readFailure(answer, conversation)).toBeUndefined();
  });
});

describe('a grant of Google', () => {
  it('has its scopes under one name each, and keeps the order', () => {
    const answer = anAnswer(200, {
      access_token: 'ya29.x',
      token_type: 'Bearer',
      expires_in: 3599,
      scope: 'openid https://www.googleapis.com/auth/drive.file email',
    });
    expect(provider.readGrant(answer, 'exchange')).toMatchObject({
      ok: true,
      grant: {
        refreshToken: undefined,
        expiresInSeconds: 3599,
        scopes: [
          'openid',
          'https://www.googleapis.com/auth/drive.file',
          'https://www.googleapis.com/auth/userinfo.email',
        ],
      },
    });
  });
});

describe('the metadata of a Drive', () => {
  const user = { permissionId: '0123', emailAddress: 'a@example.com', displayName: 'A' };
  const about = answered(200, { storageQuota: { limit: '16106127360', usage: '123' }, user });

  async function read(...outcomes: OutboundOutcome[]) {
    const { api, sent } = scriptedApi(provider, ...outcomes);
    const reading = await provider.metadata({ api, inputs: {}, known: { rootFolderId: 'known-root' } });
    return { reading, paths: sent.map(({ url }) => url.replace('https://api.example', '')) };
  }

  it('are the root folder and the quota in numbers', async () => {
    const { reading, paths } = await read(about, answered(200, { rootFolderId: '0APVA' }));
    expect(reading).toEqual({
      ok: true,
      metadata: { rootFolderId: '0APVA', quota: { limit: 16_106_127_360, usage: 123 } },
      account: { id: '0123', label: 'a@example.com' },
    });
    expect(paths).toEqual(['/drive/v3/about?fields=storageQuota,user', '/drive/v2/about?fields=rootFolderId']);
  });

  it('have no limit where storage has none', async () => {
    const { reading } = await read(answered(200, { storageQuota: { usage: '5' }, user }), answered(200, {}));
    expect(reading).toMatchObject({ metadata: { quota: { limit: null, usage: 5 } } });
  });

  it('keep the root folder that is known where Google does not tell it', async () => {
    const { reading } = await read(about, answered(404, {}));
    expect(reading).toMatchObject({ ok: true, metadata: { rootFolderId: 'known-root' } });
  });

  it('fail by a refused token, at either call', async () => {
    const refused = answered(401, {});
    expect((await read(refused)).reading).toMatchObject({ status: 401, failure: { code: 'invalid_grant' } });
    expect((await read(about, refused)).reading).toMatchObject({ status: 401 });
  });
});

describe('the account of a Drive', () => {
  it.each([
    [
      { permissionId: '1', emailAddress: 'a@example.com', displayName: 'A' },
      { id: '1', label: 'a@example.com' },
    ],
    [
      { permissionId: '1', displayName: 'A' },
      { id: '1', label: 'A' },
    ],
    [{ permissionId: '1' }, { id: '1', label: '1' }],
  ])('of %j is %j', async (user, account) => {
    const { api } = scriptedApi(provider, answered(200, { user }));
    expect(await provider.identify(api)).toEqual({ ok: true, account });
  });

  it('is not made up', async () => {
    const { api } = scriptedApi(provider, answered(200, { user: {} }));
    expect(await provider.identify(api)).toMatchObject({ ok: false, failure: { code: 'bad_provider_response' } });
  });
});

describe('a revocation at Google', () => {
  const endpoints = { authorizeUrl: '', tokenUrl: '', revokeUrl: 'https://r.example/revoke', apiBaseUrl: '' };
  const client = { clientId: 'id', clientSecret: 'secret', endpoints };

  it('presents the refresh token, and without one the access token', () => {
    const request = provider.revoke.request;
    expect(request({ ...client, accessToken: 'at', refreshToken: '1//r' }).body).toBe('token=1%2F%2Fr');
    expect(request({ ...client, accessToken: 'at', refreshToken: undefined }).body).toBe('token=at');
  });

  it('has nothing left to do for a token that is dead already', () => {
    const { isAlreadyRevoked } = provider.revoke;
    expect(isAlreadyRevoked(anAnswer(400, { error: 'invalid_token' }))).toBe(true);
    expect(isAlreadyRevoked(anAnswer(400, { error: 'invalid_request' }))).toBe(false);
    expect(isAlreadyRevoked(aPage(400, 'invalid_token'))).toBe(false);
  });
});
