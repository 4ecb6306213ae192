import { aPage, anAnswer, answered, scriptedApi } from '../../../testing/scripted-wire';
import type { Conversation, WireAnswer } from '../../provider-definition';
import { provider } from './shopify.provider';

const inactive = { error: 'invalid_request', error_description: 'This request requires an active refresh_token' };
const spent = {
  error: 'invalid_request',
  error_description: 'The authorization code was not found or was already used',
};
const verifier = { error: '', error_description: 'code_verifier is invalid.' };
const graphql = (code: string, extensions = {}) => ({ errors: [{ message: 'm', extensions: { code } }], extensions });

describe('what Shopify means by', () => {
  it.each<[string, WireAnswer, Conversation, string, string]>([
    ['401 for an inactive refresh token', anAnswer(401, inactive), 'refresh', 'invalid_grant', 'definite'],
    ['400 for a spent code', anAnswer(400, spent), 'exchange', 'invalid_grant', 'definite'],
    ['400 invalid_grant', anAnswer(400, { error: 'invalid_grant' }), 'refresh', 'invalid_grant', 'definite'],
    [
      'an invalid subject token',
      anAnswer(400, { error: 'invalid_subject_token' }),
      'refresh',
      'invalid_grant',
      'definite',
    ],
    [
      'an app that is not installed',
      anAnswer(400, { error: 'app_not_installed' }),
      'refresh',
      'invalid_grant',
      'definite',
    ],
    ['a wrong PKCE verifier', anAnswer(400, verifier), 'exchange', 'invalid_grant', 'definite'],
    [
      'an unknown application',
      anAnswer(400, { error: 'application_cannot_be_found' }),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    [
      'an unknown application in a page',
      aPage(400, 'Oauth error application_cannot_be_found'),
      'refresh',
      'provider_misconfigured',
      'ours',
    ],
    ['a wrong secret', anAnswer(401, { error: 'invalid_client' }), 'refresh', 'provider_misconfigured', 'ours'],
    [
      'a shop that is not permitted',
      anAnswer(400, { error: 'shop_not_permitted' }),
      'exchange',
      'provider_misconfigured',
      'ours',
    ],
    ['no such shop at a connect', aPage(404), 'exchange', 'provider_misconfigured', 'ours'],
    ['an edge error', aPage(520), 'refresh', 'provider_unavailable', 'transient'],
    ['a server error', aPage(500), 'refresh', 'provider_unavailable', 'transient'],
    ['a frozen shop', anAnswer(402, { errors: 'Unavailable Shop' }), 'api', 'provider_unavailable', 'transient'],
    ['a locked shop', anAnswer(423, { errors: 'Locked' }), 'api', 'provider_unavailable', 'transient'],
    ['a security rejection', anAnswer(430), 'api', 'rate_limited', 'transient'],
    [
      'a token of the old kind',
      anAnswer(403, { errors: '[API] Non-expiring access tokens are no longer accepted.' }),
      'api',
      'provider_misconfigured',
      'ours',
    ],
    [
      'a token of the old kind, told in a list',
      anAnswer(403, { errors: ['Non-expiring access tokens are no longer accepted'] }),
      'api',
      'provider_misconfigured',
      'ours',
    ],
    ['an unknown path', anAnswer(404, { errors: 'Not Found' }), 'api', 'provider_misconfigured', 'ours'],
    ['GraphQL THROTTLED', anAnswer(200, graphql('THROTTLED')), 'api', 'rate_limited', 'transient'],
    ['GraphQL ACCESS_DENIED', anAnswer(200, graphql('ACCESS_DENIED')), 'api', 'insufficient_scope', 'definite'],
    ['GraphQL SHOP_INACTIVE', anAnswer(200, graphql('SHOP_INACTIVE')), 'api', 'provider_unavailable', 'transient'],
    [
      'GraphQL INTERNAL_SERVER_ERROR',
      anAnswer(200, graphql('INTERNAL_SERVER_ERROR')),
      'api',
      'provider_unavailable',
      'transient',
    ],
    ['GraphQL MAX_COST_EXCEEDED', anAnswer(200, graphql('MAX_COST_EXCEEDED')), 'api', 'provider_misconfigured', 'ours'],
    [
      'a dead token at an uninstall',
      anAnswer(401, { errors: 'Invalid API key' }),
      'revoke',
      'invalid_grant',
      'definite',
    ],
  ])('%s', (_what, answer, conversation, code, kind) => {
    expect(provider.readFailure(answer, conversation)).toMatchObject({ code, kind });
  });

  it.each<[string, WireAnswer, Conversation, string | undefined]>([
    ['a shop that is not permitted', anAnswer(400, { error: 'shop_not_permitted' }), 'refresh', 'integration'],
    ['the same in a page', aPage(403, 'Oauth error shop_not_permitted'), 'refresh', 'integration'],
    ['a token of the old kind', anAnswer(403, { errors: 'no longer accepted' }), 'api', 'integration'],
    ['an unknown application', anAnswer(400, { error: 'application_cannot_be_found' }), 'refresh', undefined],
    ['a wrong secret', anAnswer(401, { error: 'invalid_client' }), 'refresh', undefined],
  ])('%s concerns %4$s', (_what, answer, conversation, whom) => {
    expect(provider.readFailure(answer, conversation)?.concerns).toBe(whom);
  });

  it.each<[string, WireAnswer, Conversation]>([
    ['a page for a shop that has gone', aPage(404), 'refresh'],
    ['a page that quotes dead words', aPage(401, 'This request requires an active refresh_token'), 'refresh'],
    ['a throttle', anAnswer(429), 'refresh'],
    ['a missing approval', anAnswer(403, { errors: 'This action requires merchant approval.' }), 'api'],
    ['data beside unknown errors', anAnswer(200, graphql('NEW')), 'api'],
    ['errors that are no list', anAnswer(200, { errors: 'x' }), 'api'],
    ['a server error of the API', anAnswer(500), 'api'],
  ])('%s is left to the reading for all', (_what, answer, conversation) => {
    expect(provider.readFailure(answer, conversation)).toBeUndefined();
  });

  it('a throttled query is worked out from its cost', () => {
    const cost = { requestedQueryCost: 500, throttleStatus: { currentlyAvailable: 100, restoreRate: 100 } };
    expect(provider.readFailure(anAnswer(200, graphql('THROTTLED', { cost })), 'api')?.retryAfterMs).toBe(4_000);
    expect(provider.readFailure(anAnswer(200, graphql('THROTTLED')), 'api')?.retryAfterMs).toBe(1_000);
  });
});

describe('a grant of Shopify', () => {
  it('has no token type, both ends, and the implied reads', () => {
    const answer = anAnswer(200, {
      access_token: 'shpat_1',
      scope: 'write_products,read_orders',
      expires_in: 3600,
      refresh_token: 'shprt_1',
      refresh_token_expires_in: 7_776_000,
    });
    expect(provider.readGrant(answer, 'exchange')).toMatchObject({
      ok: true,
      grant: {
        accessToken: 'shpat_1',
        refreshToken: 'shprt_1',
        expiresInSeconds: 3600,
        refreshExpiresInSeconds: 7_776_000,
        scopes: ['read_products', 'write_products', 'read_orders'],
      },
    });
  });

  it('of the old kind never ends', () => {
    expect(provider.readGrant(anAnswer(200, { access_token: 'shpat_1', scope: '' }), 'exchange')).toMatchObject({
      ok: true,
      grant: { refreshToken: undefined, expiresInSeconds: null },
    });
  });
});

describe('the metadata of a shop', () => {
  const shop = {
    name: 'Some Shop',
    myshopifyDomain: 'some-shop.myshopify.com',
    primaryDomain: { host: 'www.brand.example' },
    plan: { publicDisplayName: 'Basic' },
  };

  async function read(...outcomes: Parameters<typeof answered>[]) {
    const { api, sent } = scriptedApi(provider, ...outcomes.map((outcome) => answered(...outcome)));
    const reading = await provider.metadata({ api, inputs: { shop: 'some-shop.myshopify.com' }, known: {} });
    return { reading, sent };
  }

  it('are name, plan and primary domain', async () => {
    const { reading, sent } = await read([200, { data: { shop } }]);
    expect(reading).toEqual({
      ok: true,
      metadata: { shopName: 'Some Shop', plan: 'Basic', primaryDomain: 'www.brand.example' },
      account: { id: 'some-shop.myshopify.com', label: 'some-shop.myshopify.com' },
    });
    expect(sent[0]).toMatchObject({
      method: 'POST',
      url: 'https://api.example/admin/api/2026-10/graphql.json',
      headers: { 'x-shopify-access-token': 'access-token' },
    });
  });

  it('may lack plan and domain', async () => {
    const { reading } = await read([200, { data: { shop: { name: 'Some Shop' } } }]);
    expect(reading).toMatchObject({ ok: true, metadata: { plan: null, primaryDomain: null } });
  });

  it('fail by errors with 200, by a refused token, and by nothing at all', async () => {
    expect((await read([200, graphql('THROTTLED')])).reading).toMatchObject({ failure: { code: 'rate_limited' } });
    expect((await read([401, { errors: 'x' }])).reading).toMatchObject({
      status: 401,
      failure: { code: 'invalid_grant' },
    });
    expect((await read([200, {}])).reading).toMatchObject({ failure: { code: 'bad_provider_response' } });
  });
});

describe('an uninstall', () => {
  it('removes the app with the access token', () => {
    const endpoints = { authorizeUrl: '', tokenUrl: '', revokeUrl: null, apiBaseUrl: 'https://x.myshopify.com' };
    const tokens = { accessToken: 'shpat_1', refreshToken: undefined, clientId: 'id', clientSecret: 'secret' };
    expect(provider.revoke.request({ ...tokens, endpoints })).toMatchObject({
      method: 'DELETE',
      url: 'https://x.myshopify.com/admin/api_permissions/current.json',
      headers: { 'x-shopify-access-token': 'shpat_1' },
    });
  });
});
