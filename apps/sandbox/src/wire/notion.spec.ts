import { basic, CALLBACK, Driver } from '../testing/driver';

const ID = 'sandbox-notion-client';
const SECRET = 'sandbox-notion-secret-never-use-outside';
const VERSION = { 'notion-version': '2026-03-11' };
const CLIENT = { ...basic(ID, SECRET), ...VERSION };

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
beforeEach(() => driver.admin('POST', '/reset'));
afterAll(() => driver.stop());

const asked = { client_id: ID, redirect_uri: CALLBACK, response_type: 'code', owner: 'user', state: 'st' };

async function codeFor(account = 'acme'): Promise<string> {
  const back = await driver.decide(driver.endpoints('notion').authorizeUrl, { ...asked, account });
  return back.searchParams.get('code')!;
}

function token(body: object, headers: Record<string, string> = CLIENT) {
  return driver.postJson(driver.endpoints('notion').tokenUrl, body, headers);
}

async function connect(account?: string): Promise<Record<string, string>> {
  const body = { grant_type: 'authorization_code', code: await codeFor(account), redirect_uri: CALLBACK };
  const answer = await token(body);
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

function refresh(refreshToken: string) {
  return token({ grant_type: 'refresh_token', refresh_token: refreshToken });
}

function api(path: string, accessToken: string, headers: Record<string, string> = VERSION) {
  const url = `${driver.endpoints('notion').apiBaseUrl}${path}`;
  return driver.get(url, { authorization: `Bearer ${accessToken}`, ...headers });
}

describe('consent', () => {
  it('calls back with code and state alone', async () => {
    const { searchParams } = await driver.decide(driver.endpoints('notion').authorizeUrl, asked);
    expect([...searchParams.keys()].sort()).toEqual(['code', 'state']);
  });

  it('calls a denial access_denied', async () => {
    const { search } = await driver.decide(driver.endpoints('notion').authorizeUrl, asked, 'deny');
    expect(search).toBe('?error=access_denied&state=st');
  });

  it.each([{ owner: 'workspace' }, { response_type: 'token' }, { redirect_uri: 'nowhere' }, { client_id: 'x' }])(
    'shows its own page for %j',
    async (wrong) => {
      const query = new URLSearchParams({ ...asked, ...wrong });
      expect((await driver.get(`${driver.endpoints('notion').authorizeUrl}?${query}`)).statusCode).toBe(400);
    },
  );
});

describe('the token endpoint', () => {
  it('names bot, workspace and owner, and no expiry', async () => {
    const answer = await connect('acme');
    expect(answer).toMatchObject({
      access_token: expect.stringMatching(/^ntn_/),
      token_type: 'bearer',
      refresh_token: expect.stringMatching(/^nrt_/),
      workspace_name: 'Acme',
      workspace_icon: null,
      duplicated_template_id: null,
      owner: { type: 'user', user: { type: 'person', person: { email_verified: true } } },
    });
    expect(answer).not.toHaveProperty('expires_in');
    expect(answer).not.toHaveProperty('scope');
  });

  it('keeps the workspace id of an account, and gives each consent a bot of its own', async () => {
    const first = await connect('acme');
    const second = await connect('acme');
    expect(second.workspace_id).toBe(first.workspace_id);
    expect(second.bot_id).not.toBe(first.bot_id);
    expect((await connect('other')).workspace_id).not.toBe(first.workspace_id);
  });

  it('takes Basic and JSON only', async () => {
    const code = await codeFor();
    const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK };
    const inBody = await token({ ...fields, client_id: ID, client_secret: SECRET }, VERSION);
    expect([inBody.statusCode, inBody.json()]).toEqual([
      401,
      { error: 'invalid_client', request_id: expect.any(String) },
    ]);
    expect(inBody.headers['www-authenticate']).toBe('Basic realm="OAuth"');
    const form = await driver.postForm(driver.endpoints('notion').tokenUrl, fields, CLIENT);
    expect([form.statusCode, form.json<{ error: string }>().error]).toEqual([400, 'invalid_request']);
    expect((await token(fields)).statusCode).toBe(200);
  });

  it('wants a version', async () => {
    const answer = await token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic(ID, SECRET));
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'missing_version']);
  });

  it('refuses a used code and another redirect URI, in either error shape', async () => {
    const code = await codeFor();
    const elsewhere = await token({ grant_type: 'authorization_code', code, redirect_uri: `${CALLBACK}2` });
    expect([elsewhere.statusCode, elsewhere.json<{ error: string }>().error]).toEqual([400, 'invalid_request']);
    const body = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK };
    await token(body);
    expect((await token(body)).json()).toMatchObject({ error: 'invalid_grant' });
    await driver.admin('PATCH', '/settings/notion', { oauthErrorShape: 'openapi' });
    expect((await token(body)).json()).toMatchObject({ object: 'error', status: 400, code: 'invalid_grant' });
  });

  it('spends a refresh token at its first use', async () => {
    const first = await connect();
    const second = (await refresh(first.refresh_token!)).json<Record<string, string>>();
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.bot_id).toBe(first.bot_id);
    const again = await refresh(first.refresh_token!);
    expect([again.statusCode, again.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
    expect((await refresh(second.refresh_token!)).statusCode).toBe(200);
  });

  it('can let the old access token die, and give no refresh token', async () => {
    await driver.admin('PATCH', '/settings/notion', { oldAccessToken: 'dies' });
    const first = await connect();
    await refresh(first.refresh_token!);
    expect((await api('/v1/users/me', first.access_token!)).statusCode).toBe(401);
    await driver.admin('PATCH', '/settings/notion', { issueRefreshToken: false });
    expect(await connect('b')).toMatchObject({ refresh_token: null });
  });

  it('can hand the same tokens to a second consent', async () => {
    await driver.admin('PATCH', '/settings/notion', { reauthorization: 'same_token' });
    const first = await connect();
    expect(await connect()).toMatchObject({ access_token: first.access_token, bot_id: first.bot_id });
  });

  it('can close the grant when a spent refresh token comes again', async () => {
    await driver.admin('PATCH', '/settings/notion', { reuseClosesGrant: true });
    const first = await connect();
    const second = (await refresh(first.refresh_token!)).json<Record<string, string>>();
    await refresh(first.refresh_token!);
    expect((await refresh(second.refresh_token!)).statusCode).toBe(400);
  });

  it('can close the grant when its code comes again, and no other', async () => {
    await driver.admin('PATCH', '/settings/notion', { codeReuseEndsGrant: true });
    const other = await connect('other');
    const code = await codeFor('acme');
    const body = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK };
    const first = (await token(body)).json<Record<string, string>>();
    expect((await token(body)).statusCode).toBe(400);
    expect((await refresh(first.refresh_token!)).statusCode).toBe(400);
    expect((await refresh(other.refresh_token!)).statusCode).toBe(200);
    await driver.admin('DELETE', '/settings/notion');
    const spared = { ...body, code: await codeFor('acme') };
    const second = (await token(spared)).json<Record<string, string>>();
    expect((await token(spared)).statusCode).toBe(400);
    expect((await refresh(second.refresh_token!)).statusCode).toBe(200);
  });

  it('revokes and introspects', async () => {
    const { access_token, refresh_token } = await connect();
    const { apiBaseUrl, revokeUrl } = driver.endpoints('notion');
    const introspect = () => driver.postJson(`${apiBaseUrl}/v1/oauth/introspect`, { token: access_token }, CLIENT);
    expect((await introspect()).json()).toMatchObject({ active: true, iat: expect.any(Number) });
    expect((await driver.postJson(revokeUrl, { token: access_token }, CLIENT)).statusCode).toBe(200);
    expect((await introspect()).json()).toMatchObject({ active: false });
    expect((await refresh(refresh_token!)).statusCode).toBe(400);
  });
});

describe('the API', () => {
  it('tells who the bot is', async () => {
    const { access_token, bot_id, workspace_id } = await connect('acme');
    expect((await api('/v1/users/me', access_token!)).json()).toMatchObject({
      object: 'user',
      id: bot_id,
      type: 'bot',
      bot: { workspace_id, workspace_name: 'Acme' },
    });
  });

  it.each([
    [{ memberCount: 0, botCount: 1 }, 0],
    [{ memberCount: 7, botCount: 30, pageSize: 4 }, 7],
    [{ memberCount: 250, botCount: 3 }, 250],
    [{ memberCount: 100, botCount: 0 }, 100],
  ])('lists all people among the bots, page by page: %j', async (knobs, people) => {
    await driver.admin('PATCH', '/settings/notion', knobs);
    const { access_token } = await connect();
    const seen = new Set<string>();
    let found = 0;
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ page_size: '100', ...(cursor ? { start_cursor: cursor } : {}) });
      const page: UserPage = (await api(`/v1/users?${query}`, access_token!)).json();
      for (const user of page.results) seen.add(user.id);
      found += page.results.filter((user) => user.type === 'person').length;
      expect(page.has_more).toBe(page.next_cursor !== null);
      cursor = page.next_cursor;
    } while (cursor);
    expect(found).toBe(people);
    expect(seen.size).toBe(knobs.memberCount + knobs.botCount);
  });

  it('refuses without version, token or capability', async () => {
    const { access_token } = await connect();
    expect((await api('/v1/users/me', access_token!, {})).json()).toMatchObject({ code: 'missing_version' });
    expect((await api('/v1/users/me', 'ntn_wrong')).json()).toMatchObject({
      status: 401,
      code: 'unauthorized',
      message: 'API token is invalid.',
    });
    expect((await api('/v1/users?start_cursor=x', access_token!)).json()).toMatchObject({ code: 'validation_error' });
    await driver.admin('PATCH', '/settings/notion', { userCapability: false });
    expect((await api('/v1/users', access_token!)).json()).toMatchObject({ status: 403, code: 'restricted_resource' });
    expect((await api('/v1/nowhere', access_token!)).json()).toMatchObject({
      status: 400,
      code: 'invalid_request_url',
    });
  });

  it('allows 180 calls a minute per connection, then says how long to wait in whole seconds', async () => {
    await driver.admin('PATCH', '/settings/notion', { apiLimit: { calls: 3, perSeconds: 60 } });
    const { access_token } = await connect('busy');
    const other = await connect('quiet');
    for (let call = 0; call < 3; call += 1) await api('/v1/users/me', access_token!);
    const limited = await api('/v1/users/me', access_token!);
    expect(limited.statusCode).toBe(429);
    expect(limited.headers['retry-after']).toMatch(/^\d+$/);
    expect(limited.json()).toMatchObject({
      code: 'rate_limited',
      additional_data: { rate_limit_reason: 'public_api_request_rate_limit' },
    });
    expect((await api('/v1/users/me', other.access_token!)).statusCode).toBe(200);
  });
});

interface UserPage {
  results: { id: string; type: string }[];
  has_more: boolean;
  next_cursor: string | null;
}
