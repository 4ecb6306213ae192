import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { answeredScopes, fieldMask } from '../../../../libs/providers/src/catalog/google_drive/google_drive.sandbox';
import { basic, CALLBACK, challengeOf, Driver } from '../testing/driver';

const ID = 'sandbox-google-client.apps.googleusercontent.com';
const SECRET = 'sandbox-google-secret-never-use-outside';
const CLIENT = { client_id: ID, client_secret: SECRET };
const DRIVE_FILE = 'https://www.googleapis.com/auth/drive.file';
const VERIFIER = 'v'.repeat(43);
const DEAD = { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' };

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
beforeEach(() => driver.admin('POST', '/reset'));
afterAll(() => driver.stop());

const asked = {
  client_id: ID,
  redirect_uri: CALLBACK,
  response_type: 'code',
  scope: DRIVE_FILE,
  state: 'st',
  access_type: 'offline',
  prompt: 'consent',
  code_challenge: challengeOf(VERIFIER),
  code_challenge_method: 'S256',
};

function authorize(extra: Record<string, string> = {}, decision: 'approve' | 'deny' = 'approve'): Promise<URL> {
  return driver.decide(driver.endpoints('google_drive').authorizeUrl, { ...asked, ...extra }, decision);
}

function token(fields: Record<string, string>, headers: Record<string, string> = {}) {
  return driver.postForm(driver.endpoints('google_drive').tokenUrl, fields, headers);
}

async function exchange(back: URL, extra: Record<string, string> = {}) {
  const code = back.searchParams.get('code')!;
  const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER };
  return token({ ...CLIENT, ...fields, ...extra });
}

async function connect(extra: Record<string, string> = {}): Promise<Record<string, string>> {
  const answer = await exchange(await authorize(extra));
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

function refresh(refreshToken: string) {
  return token({ ...CLIENT, grant_type: 'refresh_token', refresh_token: refreshToken });
}

function drive(path: string, accessToken?: string) {
  const headers: Record<string, string> = accessToken ? { authorization: `Bearer ${accessToken}` } : {};
  return driver.get(`${driver.endpoints('google_drive').apiBaseUrl}${path}`, headers);
}

describe('consent', () => {
  it('calls back with iss, scope, authuser, prompt and a code with an encoded slash', async () => {
    const back = await authorize();
    expect([...back.searchParams.keys()]).toEqual(['state', 'iss', 'code', 'scope', 'authuser', 'prompt']);
    expect(back.searchParams.get('iss')).toBe('https://accounts.google.com');
    expect(back.search).toContain('code=4%2F0A');
  });

  it('answers scopes under their long names and in its own order', async () => {
    const back = await authorize({ scope: `openid email ${DRIVE_FILE}` });
    const scopes = `${DRIVE_FILE} https://www.googleapis.com/auth/userinfo.email openid`;
    expect(back.searchParams.get('scope')).toBe(scopes);
    expect(answeredScopes(['email', 'email'])).toHaveLength(1);
  });

  it('lets a person untick single scopes', async () => {
    const form = new URLSearchParams({
      ...asked,
      scope: `openid ${DRIVE_FILE}`,
      granted_shown: 'yes',
      granted: 'openid',
      decision: 'approve',
    });
    const answer = await driver.postForm(driver.endpoints('google_drive').authorizeUrl, Object.fromEntries(form));
    expect(new URL(answer.headers.location as string).searchParams.get('scope')).toBe('openid');
  });

  it('adds earlier scopes only when asked to', async () => {
    await connect({ scope: 'openid' });
    expect((await authorize()).searchParams.get('scope')).toBe(DRIVE_FILE);
    expect((await authorize({ include_granted_scopes: 'true' })).searchParams.get('scope')).toBe(
      `${DRIVE_FILE} openid`,
    );
  });

  it.each([
    ['an unknown client', { client_id: 'x' }, 401],
    ['a redirect URI that is none', { redirect_uri: 'javascript:x' }, 400],
    ['no scope', { scope: '' }, 400],
  ])('shows its own page for %s', async (_case, wrong, status) => {
    const query = new URLSearchParams({ ...asked, ...wrong });
    expect((await driver.get(`${driver.endpoints('google_drive').authorizeUrl}?${query}`)).statusCode).toBe(status);
  });

  it('matches registered redirect URIs exactly', async () => {
    await driver.admin('PATCH', '/settings/google_drive', { redirectUris: [CALLBACK] });
    await expect(authorize({ redirect_uri: `${CALLBACK}/` })).rejects.toThrow('redirect_uri_mismatch');
    await expect(authorize()).resolves.toBeDefined();
  });

  it('asks nobody with prompt=none', async () => {
    const query = new URLSearchParams({ ...asked, prompt: 'none' });
    const answer = await driver.get(`${driver.endpoints('google_drive').authorizeUrl}?${query}`);
    expect(answer.headers.location).toBe(`${CALLBACK}?error=interaction_required&state=st`);
  });
});

describe('the token endpoint', () => {
  it('gives an hour less a second, and a refresh token', async () => {
    expect(await connect()).toEqual({
      access_token: expect.stringMatching(/^ya29\./),
      expires_in: 3599,
      refresh_token: expect.stringMatching(/^1\/\//),
      scope: DRIVE_FILE,
      token_type: 'Bearer',
    });
  });

  it.each([
    ['online access', { access_type: 'online' }, false],
    ['the first consent without prompt', { prompt: '' }, true],
  ])('with %s: refresh token %s', async (_case, extra, given) => {
    expect('refresh_token' in (await connect(extra))).toBe(given);
  });

  it('gives no second refresh token without prompt=consent', async () => {
    await connect();
    expect(await connect({ prompt: '' })).not.toHaveProperty('refresh_token');
    expect(await connect()).toHaveProperty('refresh_token');
  });

  it('takes the client by Basic too, and checks PKCE, redirect URI and code', async () => {
    const back = await authorize();
    const code = back.searchParams.get('code')!;
    const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER };
    const unproven = { ...CLIENT, ...fields, code_verifier: '' };
    expect((await token(unproven)).json()).toEqual({
      error: 'invalid_grant',
      error_description: 'Missing code verifier.',
    });
    expect((await exchange(back, { code_verifier: 'w'.repeat(43) })).json()).toMatchObject({
      error_description: 'Invalid code verifier.',
    });
    expect((await exchange(back, { redirect_uri: 'http://other' })).json()).toMatchObject({
      error: 'redirect_uri_mismatch',
    });
    expect((await token(fields, basic(ID, SECRET))).statusCode).toBe(200);
    expect((await exchange(back)).json()).toEqual({ error: 'invalid_grant', error_description: 'Bad Request' });
    expect((await exchange(new URL('http://x?code=1'))).json()).toMatchObject({
      error_description: 'Malformed auth code.',
    });
  });

  it('tells an unknown client from a wrong secret', async () => {
    const fields = { grant_type: 'refresh_token', refresh_token: 'x' };
    const unknown = await token({ ...fields, client_id: 'x', client_secret: 'y' });
    expect([unknown.statusCode, unknown.json()]).toEqual([
      401,
      { error: 'invalid_client', error_description: 'The OAuth client was not found.' },
    ]);
    const wrong = await token({ ...fields, client_id: ID, client_secret: 'y' });
    expect([wrong.statusCode, wrong.json()]).toEqual([
      401,
      { error: 'invalid_client', error_description: 'Unauthorized' },
    ]);
  });

  it('refreshes any number of times with the same token and never sends another', async () => {
    const first = await connect();
    const answers = await Promise.all([1, 2, 3].map(() => refresh(first.refresh_token!)));
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).not.toHaveProperty('refresh_token');
    }
    expect((await drive('/drive/v3/about?fields=user', first.access_token)).statusCode).toBe(200);
  });

  it('drops the oldest refresh token beyond the limit without a word', async () => {
    await driver.admin('PATCH', '/settings/google_drive', { refreshTokensPerAccount: 2 });
    const [first, second, third] = [await connect(), await connect(), await connect()];
    expect((await refresh(first.refresh_token!)).json()).toEqual(DEAD);
    expect((await refresh(second.refresh_token!)).statusCode).toBe(200);
    expect((await refresh(third.refresh_token!)).statusCode).toBe(200);
  });

  it('lets refresh tokens die of age and of idleness by the clock', async () => {
    const { refresh_token } = await connect();
    await driver.admin('PATCH', '/settings/google_drive', { clockOffsetSeconds: 181 * 86_400 });
    expect((await refresh(refresh_token!)).json()).toEqual(DEAD);
    await driver.admin('PATCH', '/settings/google_drive', { clockOffsetSeconds: 0, refreshTokenSeconds: 604_800 });
    const testing = await connect();
    expect(testing).not.toHaveProperty('refresh_token_expires_in');
    await driver.admin('PATCH', '/settings/google_drive', { clockOffsetSeconds: 604_801 });
    expect((await refresh(testing.refresh_token!)).json()).toEqual(DEAD);
  });

  it('revokes the whole grant of the user by any of its tokens', async () => {
    const [one, two] = [await connect(), await connect()];
    const other = await connect({ account: 'other@example.com' });
    const { revokeUrl } = driver.endpoints('google_drive');
    expect((await driver.postForm(revokeUrl, { token: one.access_token! })).statusCode).toBe(200);
    expect((await refresh(two.refresh_token!)).json()).toEqual(DEAD);
    expect((await refresh(other.refresh_token!)).statusCode).toBe(200);
    const again = await driver.postForm(revokeUrl, { token: one.access_token! });
    expect([again.statusCode, again.json()]).toEqual([
      400,
      { error: 'invalid_token', error_description: 'Token expired or revoked' },
    ]);
  });

  it('signs an id_token when openid was granted', async () => {
    const { id_token } = await connect({ scope: `openid email ${DRIVE_FILE}`, account: 'ann@example.com' });
    const [head, claims, signature] = id_token!.split('.') as [string, string, string];
    const { keys } = (await drive('/oauth2/v3/certs')).json<{ keys: JsonWebKey[] }>();
    const key = createPublicKey({ key: keys[0]!, format: 'jwk' });
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'https://accounts.google.com',
      aud: ID,
      sub: expect.stringMatching(/^\d{21}$/),
      email: 'ann@example.com',
    });
  });
});

describe('Drive', () => {
  it('answers quota as strings and only the fields asked for', async () => {
    const { access_token } = await connect();
    const answer = await drive('/drive/v3/about?fields=storageQuota(limit,usage),user/permissionId', access_token);
    expect(answer.json()).toEqual({
      storageQuota: { limit: '16106127360', usage: '1234567890' },
      user: { permissionId: expect.stringMatching(/^\d+$/) },
    });
    await driver.admin('PATCH', '/settings/google_drive', { quotaLimit: null });
    const pooled = await drive('/drive/v3/about?fields=storageQuota', access_token);
    expect(pooled.json<{ storageQuota: object }>().storageQuota).not.toHaveProperty('limit');
  });

  it('reads field masks of all forms', () => {
    expect([...fieldMask('a,b(c,d(e)),f/g')]).toEqual([
      ['a', ''],
      ['b', 'c,d(e)'],
      ['f', 'g'],
    ]);
  });

  it('hides the root folder from drive.file in a 404 that names it', async () => {
    const { access_token } = await connect();
    const { rootFolderId } = (await drive('/drive/v2/about?fields=rootFolderId', access_token)).json<{
      rootFolderId: string;
    }>();
    expect(rootFolderId).toMatch(/^0A\w+PVA$/);
    const hidden = await drive('/drive/v3/files/root?fields=id', access_token);
    expect([hidden.statusCode, hidden.json()]).toMatchObject([
      404,
      { error: { message: `File not found: ${rootFolderId}.`, errors: [{ reason: 'notFound', location: 'fileId' }] } },
    ]);
    const full = await connect({ scope: 'https://www.googleapis.com/auth/drive' });
    expect((await drive('/drive/v3/files/root?fields=id', full.access_token)).json()).toEqual({ id: rootFolderId });
  });

  it('tells its refusals apart', async () => {
    const { access_token } = await connect();
    const narrow = await connect({ scope: 'openid', account: 'narrow@example.com' });
    const about = '/drive/v3/about?fields=user';
    expect((await drive('/drive/v3/about', access_token)).json()).toMatchObject({
      error: { code: 400, errors: [{ reason: 'required', location: 'fields' }] },
    });
    expect((await drive(about)).json()).toMatchObject({ error: { code: 403, errors: [{ reason: 'forbidden' }] } });
    expect((await drive(about, 'ya29.wrong')).json()).toMatchObject({
      error: {
        code: 401,
        status: 'UNAUTHENTICATED',
        errors: [{ message: 'Invalid Credentials', reason: 'authError' }],
      },
    });
    expect((await drive(about, narrow.access_token)).json()).toMatchObject({
      error: { code: 403, errors: [{ reason: 'insufficientPermissions' }] },
    });
    await driver.admin('PATCH', '/settings/google_drive', { driveEnabled: false });
    expect((await drive(about, access_token)).json()).toMatchObject({
      error: { errors: [{ reason: 'accessNotConfigured' }] },
    });
  });

  it.each([
    [undefined, 403, 'userRateLimitExceeded'],
    ['rateLimitExceeded', 429, 'rateLimitExceeded'],
  ])('limits with reason %s as %i', async (reason, status, named) => {
    const { access_token } = await connect();
    await driver.admin('PUT', '/faults/google_drive', [
      { on: 'api', kind: 'rate_limit', ...(reason ? { reason } : {}) },
    ]);
    const answer = await drive('/drive/v3/about?fields=user', access_token);
    expect([answer.statusCode, answer.json()]).toMatchObject([status, { error: { errors: [{ reason: named }] } }]);
  });
});
