import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { freePort } from '../support/free-port';
import { AuthorizationServer, type Conversation } from '../support/oidc/authorization-server';
import { codeOf, parametersOf, type Person } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand } from './support/attack-stand';

/**
 * The hub against an authorization server that others have written and certified: what it holds of OAuth is held here by a
 * program that knows nothing of it. The provider is of the test's own, without a manner beside the documents.
 */
const PROVIDER = 'standard';
const SCOPES = ['openid', 'offline_access', 'files'];
let hub: Stack;
let stand: AttackStand;
let server: AuthorizationServer;
let folder: string;
beforeAll(async () => {
  const port = await freePort();
  server = await AuthorizationServer.start(`http://localhost:${port}/functions/v1/integrations-callback/${PROVIDER}`);
  folder = await mkdtemp(path.join(tmpdir(), 'hub-oidc-'));
  const endpointsFile = path.join(folder, 'endpoints.json');
  await writeFile(endpointsFile, JSON.stringify({ [PROVIDER]: server.endpoints }));
  hub = await Stack.start({
    apps: ['gateway', 'refresh-worker'],
    preloads: ['test/support/oidc/standard-provider.cjs'],
    prepare: (database) => database.rows(`insert into public.providers values ($1, 'Standard')`, [PROVIDER]),
    env: {
      PORT: String(port),
      PROVIDER_ENDPOINTS_FILE: endpointsFile,
      STANDARD_ISSUER: server.issuer,
      STANDARD_CLIENT_ID: server.clientId,
      STANDARD_CLIENT_SECRET: server.clientSecret,
    },
  });
  stand = new AttackStand(hub);
});
afterAll(async () => {
  await hub?.stop();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Somebody who is about to come back from the server, with the callback's address. */
async function atCallback(caller: Caller, login: string = randomUUID()): Promise<{ person: Person; url: string }> {
  const person = hub.person(server.issuer);
  const authUrl = await person.starts(caller, { provider: PROVIDER });
  const url = await person.consents(authUrl, { inputs: { login, password: 'any' } });
  return { person, url };
}

async function connect(caller: Caller, login?: string): Promise<void> {
  const { person, url } = await atCallback(caller, login);
  expect((await person.opens(url)).sentTo).toContain(`success=${PROVIDER}`);
}

/** What the server has been asked for since. */
async function since(count: number): Promise<Conversation[]> {
  return (await server.conversations()).slice(count);
}

it('connects with PKCE, the issuer in the callback, and the scopes and account of the grant', async () => {
  const caller = hub.as();
  const person = hub.person(server.issuer);
  const authUrl = await person.starts(caller, { provider: PROVIDER });
  expect(authUrl.startsWith(`${server.issuer}/auth?`)).toBe(true);
  expect(parametersOf(authUrl)).toMatchObject({ response_type: 'code', code_challenge_method: 'S256' });
  const url = await person.consents(authUrl, { inputs: { login: 'ada', password: 'any' } });
  expect(parametersOf(url)).toMatchObject({ iss: server.issuer });
  expect((await person.opens(url)).sentTo).toContain(`success=${PROVIDER}`);
  const { body } = await caller.read(PROVIDER);
  expect(body).toMatchObject({ status: 'connected', account: { id: 'ada' } });
  expect(body.scope?.split(' ').sort()).toEqual([...SCOPES].sort());
  const { accessToken } = (await caller.token(PROVIDER)).body;
  expect(await server.userinfo(accessToken)).toMatchObject({ status: 200, body: { sub: 'ada' } });
});

describe('a refresh', () => {
  it('stores the token that takes the place of the one it spends, each time', async () => {
    const caller = hub.as();
    const before = (await server.conversations()).length;
    await connect(caller);
    const first = (await caller.token(PROVIDER)).body.accessToken;
    for (let times = 0; times < 2; times += 1) expect((await caller.refresh(PROVIDER)).status).toBe(200);
    const told = await since(before);
    expect(told.map(({ grantType, error }) => [grantType, error])).toEqual([
      ['authorization_code', null],
      ['refresh_token', null],
      ['refresh_token', null],
    ]);
    expect(told.slice(1).map(({ presented }) => presented)).toEqual(told.slice(0, 2).map(({ handedOut }) => handedOut));
    expect(new Set(told.map(({ handedOut }) => handedOut)).size).toBe(3);
    const last = (await caller.token(PROVIDER)).body.accessToken;
    expect(last).not.toBe(first);
    expect((await server.userinfo(last)).status).toBe(200);
  });

  it('comes by itself before the token ends', async () => {
    const caller = hub.as();
    await server.letTokensLive(20);
    try {
      await connect(caller);
      const { accessToken } = (await caller.token(PROVIDER, '?minTtl=0')).body;
      await hub.event(caller, 'refresh.succeeded', { provider: PROVIDER, withinMs: 40_000 });
      const next = (await caller.token(PROVIDER, '?minTtl=0')).body.accessToken;
      expect(next).not.toBe(accessToken);
      expect((await server.userinfo(next)).status).toBe(200);
    } finally {
      await server.letTokensLive(3_600);
    }
  });

  it('finds its family dead once somebody else has presented a spent token, and says so', async () => {
    const caller = hub.as();
    const before = (await server.conversations()).length;
    await connect(caller, 'grace');
    expect((await caller.refresh(PROVIDER)).status).toBe(200);
    const [granted] = await since(before);
    const stolen = granted?.handedOut ?? '';
    expect(await server.ask('/token', { grant_type: 'refresh_token', refresh_token: stolen })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    const refused = await caller.refresh(PROVIDER);
    expect([refused.status, codeOf(refused)]).toEqual([409, 'reauth_required']);
    await hub.event(caller, 'integration.reauth_required', { provider: PROVIDER });
    expect((await caller.token(PROVIDER)).status).toBe(409);

    await connect(caller, 'grace');
    expect((await caller.read(PROVIDER)).body.status).toBe('connected');
    expect((await caller.refresh(PROVIDER)).status).toBe(200);
  });
});

it('gives its grant back at a disconnect: no token is good for anything any more', async () => {
  const caller = hub.as();
  const before = (await server.conversations()).length;
  await connect(caller);
  const { accessToken } = (await caller.token(PROVIDER)).body;
  const [granted] = await since(before);
  const refreshToken = granted?.handedOut ?? '';
  expect([await server.isActive(accessToken), await server.isActive(refreshToken)]).toEqual([true, true]);
  expect((await caller.disconnect(PROVIDER)).status).toBe(204);
  await hub.event(caller, 'revocation.succeeded', { provider: PROVIDER });
  await eventually('the tokens to be good for nothing', async () => {
    const active = await Promise.all([accessToken, refreshToken].map((token) => server.isActive(token)));
    return active.includes(true) ? undefined : true;
  });
});

describe('a callback', () => {
  const ISSUERS: Record<string, (url: URL) => void> = {
    'without the issuer that is promised': ({ searchParams }) => searchParams.delete('iss'),
    'of another issuer': ({ searchParams }) => searchParams.set('iss', 'https://evil.example'),
    'with a slash behind the issuer': ({ searchParams }) => searchParams.set('iss', `${server.issuer}/`),
    'with the issuer twice': ({ searchParams }) => searchParams.append('iss', server.issuer),
  };
  it.each(Object.keys(ISSUERS))('%s is none', async (how) => {
    const badState = await stand.pageOfBadState();
    const caller = hub.as();
    const before = (await server.conversations()).length;
    const { person, url } = await atCallback(caller);
    const bent = new URL(url);
    ISSUERS[how]!(bent);
    expect(await stand.told(await person.get(bent.href))).toBe(badState);
    expect(await stand.told(await person.get(url))).toBe(badState);
    await hub.event(caller, 'flow.issuer_mismatch', { provider: PROVIDER });
    expect((await caller.read(PROVIDER)).body.status).toBe('not_connected');
    expect(await since(before)).toEqual([]);
  });

  it('with the code of somebody else is refused by the server, since the verifier is not of that code', async () => {
    const victim = await atCallback(hub.as());
    const thief = hub.as();
    const { person, url } = await atCallback(thief);
    const stolen = new URL(url);
    stolen.searchParams.set('code', new URL(victim.url).searchParams.get('code') ?? '');
    const { sentTo } = await person.opens(stolen.href);
    expect(parametersOf(sentTo ?? '')).toMatchObject({ error: 'invalid_grant', provider: PROVIDER });
    await hub.event(thief, 'grant.rejected', { provider: PROVIDER });
    expect((await thief.read(PROVIDER)).body.status).toBe('not_connected');
  });

  it('with a code that was never made is refused by the server', async () => {
    const caller = hub.as();
    const { person, url } = await atCallback(caller);
    const bent = new URL(url);
    bent.searchParams.set('code', randomBytes(32).toString('base64url'));
    expect(parametersOf((await person.opens(bent.href)).sentTo ?? '')).toMatchObject({ error: 'invalid_grant' });
    expect((await caller.read(PROVIDER)).body.status).toBe('not_connected');
  });
});
