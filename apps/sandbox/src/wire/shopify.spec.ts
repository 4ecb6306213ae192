import { callbackHmac, withoutImpliedReads } from '../../../../libs/providers/src/catalog/shopify/shopify.sandbox';
import { CALLBACK, Driver } from '../testing/driver';

const SHOP = 'some-shop.myshopify.com';
const CLIENT = { client_id: 'sandbox-shopify-client', client_secret: 'sandbox-shopify-secret-never-use-outside' };
const ACCEPT = { accept: 'application/json' };
const SCOPE = 'read_products,write_products,read_orders';
const DEAD = { error: 'invalid_request', error_description: 'This request requires an active refresh_token' };

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
beforeEach(() => driver.admin('POST', '/reset'));
afterAll(() => driver.stop());

function url(kind: 'authorizeUrl' | 'tokenUrl' | 'apiBaseUrl', shop = SHOP): string {
  return driver.endpoints('shopify')[kind].replace('{shop}', shop);
}

function authorize(extra: Record<string, string> = {}, decision: 'approve' | 'deny' = 'approve', shop = SHOP) {
  const params = { client_id: CLIENT.client_id, scope: SCOPE, redirect_uri: CALLBACK, state: 'st', ...extra };
  return driver.decide(url('authorizeUrl', shop), params, decision);
}

async function connect(extra: Record<string, string> = { expiring: '1' }, shop = SHOP) {
  const back = await authorize({}, 'approve', shop);
  const fields = { ...CLIENT, code: back.searchParams.get('code')!, ...extra };
  const answer = await driver.postForm(url('tokenUrl', shop), fields, ACCEPT);
  expect(answer.statusCode).toBe(200);
  return answer.json<Record<string, string>>();
}

function refresh(token: string, shop = SHOP) {
  const fields = { ...CLIENT, grant_type: 'refresh_token', refresh_token: token };
  return driver.postForm(url('tokenUrl', shop), fields, ACCEPT);
}

function askShop(token: string, shop = SHOP) {
  const query = '{ shop { name plan { publicDisplayName } } }';
  const path = `${url('apiBaseUrl', shop)}/admin/api/2026-10/graphql.json`;
  return driver.postJson(path, { query }, { 'x-shopify-access-token': token });
}

describe('the callback signature', () => {
  // The first is the value of Shopify's older public documentation.
  it.each([
    [
      'code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&state=0.6784241404160823&timestamp=1337178173',
      '700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf',
    ],
    [
      'timestamp=1337178173&code=0907a61c0c8d55e99db179b68161bc00&host=YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvc29tZS1zaG9w&shop=some-shop.myshopify.com&hmac=x&state=0123456789abcdef',
      '60a97c4ea856b529c134dd3caae96736f1086c4024f264f870e901491592de94',
    ],
  ])('matches the known vectors, whatever the order of parameters', (query, expected) => {
    expect(callbackHmac(new URLSearchParams(query), 'hush')).toBe(expected);
  });

  it('signs every parameter of the callback, a query of the redirect URI included', async () => {
    const back = await authorize({ redirect_uri: `${CALLBACK}?tab=1` });
    const params = back.searchParams;
    expect([...params.keys()].sort()).toEqual(['code', 'hmac', 'host', 'shop', 'state', 'tab', 'timestamp']);
    expect(params.get('hmac')).toBe(callbackHmac(params, CLIENT.client_secret));
    expect(params.get('shop')).toBe(SHOP);
    expect(Buffer.from(params.get('host')!, 'base64').toString()).toBe('admin.shopify.com/store/some-shop');
    expect(Math.abs(Number(params.get('timestamp')) - Date.now() / 1000)).toBeLessThan(5);
  });
});

describe('consent', () => {
  it('answers a denial with error, state and a signature', async () => {
    const { searchParams } = await authorize({}, 'deny');
    expect(searchParams.get('error')).toBe('access_denied');
    expect(searchParams.get('state')).toBe('st');
    expect(searchParams.get('hmac')).toBe(callbackHmac(searchParams, CLIENT.client_secret));
    expect(searchParams.has('code')).toBe(false);
  });

  it('can leave a cancel without any callback', async () => {
    await driver.admin('PATCH', `/settings/shopify?account=${SHOP}`, { denial: 'silent' });
    const params = { client_id: CLIENT.client_id, scope: SCOPE, redirect_uri: CALLBACK, decision: 'deny' };
    const answer = await driver.postForm(url('authorizeUrl'), params);
    expect(answer.statusCode).toBe(200);
  });

  it('names another shop in the callback when the store was renamed', async () => {
    await driver.admin('PATCH', '/settings/shopify', { callbackShop: 'older-name.myshopify.com' });
    expect((await authorize()).searchParams.get('shop')).toBe('older-name.myshopify.com');
  });

  it.each([
    ['an unknown client', { client_id: 'nobody' }, SHOP, 400],
    ['a missing redirect URI', { redirect_uri: '' }, SHOP, 400],
    ['a host that is no shop', {}, 'evil.example', 404],
  ])('shows its own page for %s', async (_case, extra, shop, status) => {
    const params = { client_id: CLIENT.client_id, scope: SCOPE, redirect_uri: CALLBACK, ...extra };
    const answer = await driver.get(`${url('authorizeUrl', shop)}?${new URLSearchParams(params)}`);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('text/html');
  });
});

describe('the code exchange', () => {
  it('gives a rotating pair for expiring=1 and drops implied read scopes', async () => {
    expect(await connect()).toEqual({
      access_token: expect.stringMatching(/^shpat_[0-9a-f]{32}$/),
      scope: 'write_products,read_orders',
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^shprt_/),
      refresh_token_expires_in: 7_776_000,
    });
    expect(withoutImpliedReads(['read_orders', 'write_products'])).toEqual(['read_orders', 'write_products']);
  });

  it('gives a lasting token without refresh token otherwise, and the same one again to the same shop', async () => {
    const first = await connect({});
    expect(first).toEqual({ access_token: expect.any(String), scope: 'write_products,read_orders' });
    expect((await connect({})).access_token).toBe(first.access_token);
  });

  it('takes JSON as well as a form', async () => {
    const code = (await authorize()).searchParams.get('code');
    const answer = await driver.postJson(url('tokenUrl'), { ...CLIENT, code, expiring: 1 }, ACCEPT);
    expect(answer.json()).toMatchObject({ expires_in: 3600 });
  });

  it('accepts a code once, and only at the shop it was given for', async () => {
    const code = (await authorize()).searchParams.get('code')!;
    const gone = {
      error: 'invalid_request',
      error_description: 'The authorization code was not found or was already used',
    };
    const elsewhere = await driver.postForm(url('tokenUrl', 'b.myshopify.com'), { ...CLIENT, code }, ACCEPT);
    expect([elsewhere.statusCode, elsewhere.json()]).toEqual([400, gone]);
    expect((await driver.postForm(url('tokenUrl'), { ...CLIENT, code }, ACCEPT)).statusCode).toBe(200);
    const again = await driver.postForm(url('tokenUrl'), { ...CLIENT, code }, ACCEPT);
    expect([again.statusCode, again.json()]).toEqual([400, gone]);
  });

  it('refuses a missing PKCE proof with an empty error', async () => {
    const back = await authorize({ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' });
    const fields = { ...CLIENT, code: back.searchParams.get('code')! };
    const answer = await driver.postForm(url('tokenUrl'), fields, ACCEPT);
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error: '', error_description: 'code_verifier is invalid.' },
    ]);
  });

  it('answers errors as HTML to who does not ask for JSON', async () => {
    const answer = await driver.postForm(url('tokenUrl'), { ...CLIENT, client_id: 'nobody', code: 'x' });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.body).toContain('400 - Oauth error application_cannot_be_found');
  });

  it('calls a wrong secret invalid_client', async () => {
    await driver.admin('PATCH', '/settings/shopify', { clientSecrets: ['another'] });
    const answer = await driver.postForm(url('tokenUrl'), { ...CLIENT, code: 'x' }, ACCEPT);
    expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([401, 'invalid_client']);
  });
});

describe('refreshing', () => {
  it('rotates both tokens and leaves the old access token alive', async () => {
    const first = await connect();
    const second = (await refresh(first.refresh_token!)).json<Record<string, string>>();
    expect(second).toMatchObject({ expires_in: 3600, refresh_token_expires_in: 7_776_000 });
    expect(second.access_token).not.toBe(first.access_token);
    expect((await askShop(first.access_token!)).statusCode).toBe(200);
    expect((await askShop(second.access_token!)).statusCode).toBe(200);
  });

  it('lets the old refresh token come again until its successor is used', async () => {
    const first = await connect();
    const second = (await refresh(first.refresh_token!)).json<Record<string, string>>();
    expect((await refresh(first.refresh_token!)).json()).toMatchObject({ refresh_token: second.refresh_token });
    expect((await refresh(second.refresh_token!)).statusCode).toBe(200);
    const late = await refresh(first.refresh_token!);
    expect([late.statusCode, late.json()]).toEqual([401, DEAD]);
  });

  it('can be strict about it', async () => {
    await driver.admin('PATCH', '/settings/shopify', { rotationGrace: 0 });
    const first = await connect();
    await refresh(first.refresh_token!);
    expect((await refresh(first.refresh_token!)).statusCode).toBe(401);
  });

  it('kills the refresh token of an earlier connect of the same shop, not its access token', async () => {
    const first = await connect();
    const second = await connect();
    const refused = await refresh(first.refresh_token!);
    expect([refused.statusCode, refused.json()]).toEqual([401, DEAD]);
    expect((await askShop(first.access_token!)).statusCode).toBe(200);
    expect((await refresh(second.refresh_token!)).statusCode).toBe(200);
  });

  it('refuses a refresh token at another shop', async () => {
    const { refresh_token } = await connect();
    expect((await refresh(refresh_token!, 'other.myshopify.com')).statusCode).toBe(401);
  });
});

describe('the Admin API', () => {
  it('answers shop, plan, domain and the true scopes, and names the version that ran', async () => {
    const { access_token } = await connect();
    await driver.admin('PATCH', `/settings/shopify?account=${SHOP}`, { plan: 'Plus', accountName: 'My Shop' });
    const answer = await askShop(access_token!);
    expect(answer.headers['x-shopify-api-version']).toBe('2026-10');
    expect(answer.json()).toMatchObject({
      data: {
        shop: {
          name: 'My Shop',
          myshopifyDomain: SHOP,
          primaryDomain: { host: SHOP },
          plan: { publicDisplayName: 'Plus' },
        },
        currentAppInstallation: {
          accessScopes: [{ handle: 'read_products' }, { handle: 'write_products' }, { handle: 'read_orders' }],
        },
      },
    });
  });

  it('falls forward from a version it does not support', async () => {
    const { access_token } = await connect();
    const path = `${url('apiBaseUrl')}/admin/api/2020-01/graphql.json`;
    const answer = await driver.postJson(path, { query: '{shop{name}}' }, { 'x-shopify-access-token': access_token! });
    expect(answer.headers['x-shopify-api-version']).toBe('2026-01');
  });

  it('answers 401 with a string to a token of another shop', async () => {
    const { access_token } = await connect();
    const answer = await askShop(access_token!, 'other.myshopify.com');
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toEqual({
      errors: '[API] Invalid API key or access token (unrecognized login or wrong password)',
    });
  });

  it.each([
    [{ shopState: 'frozen' }, 402],
    [{ shopState: 'locked' }, 423],
    [{ shopState: 'gone' }, 404],
    [{ graphqlError: 'THROTTLED' }, 200],
  ])('can be put into a state: %j answers %i', async (knob, status) => {
    const { access_token } = await connect();
    await driver.admin('PATCH', '/settings/shopify', knob);
    const answer = await askShop(access_token!);
    expect(answer.statusCode).toBe(status);
    if (status === 200) expect(answer.json()).toMatchObject({ errors: [{ extensions: { code: 'THROTTLED' } }] });
  });

  it('ends everything at an uninstall', async () => {
    const { access_token, refresh_token } = await connect();
    const answer = await driver.send({
      method: 'DELETE',
      url: `${url('apiBaseUrl')}/admin/api_permissions/current.json`,
      headers: { 'x-shopify-access-token': access_token! },
    });
    expect(answer.statusCode).toBe(200);
    expect((await askShop(access_token!)).statusCode).toBe(401);
    expect((await refresh(refresh_token!)).statusCode).toBe(401);
  });

  it('writes a decimal Retry-After', async () => {
    const { refresh_token } = await connect();
    await driver.admin('PUT', '/faults/shopify', [{ on: 'refresh', kind: 'rate_limit', retryAfter: 3, times: 1 }]);
    const limited = await refresh(refresh_token!);
    expect([limited.statusCode, limited.headers['retry-after']]).toEqual([429, '3.0']);
    expect((await refresh(refresh_token!)).statusCode).toBe(200);
  });
});
