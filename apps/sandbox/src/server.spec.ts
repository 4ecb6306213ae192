import { type AddressInfo } from 'node:net';
import type { HistoryEntry } from './history/history';
import { createSandbox, type Sandbox } from './server';
import { basic } from './testing/driver';

const CLIENT = {
  ...basic('sandbox-notion-client', 'sandbox-notion-secret-never-use-outside'),
  'notion-version': '2026-03-11',
  'content-type': 'application/json',
};

type Refresh = Extract<HistoryEntry, { kind: 'refresh' }>;
interface Seeded {
  account: string;
  accessToken: string;
  refreshToken: string;
}

let sandbox: Sandbox;
let base: string;
let lastAccount = 0;

beforeAll(async () => {
  sandbox = await createSandbox();
  await sandbox.app.listen({ port: 0, host: '127.0.0.1' });
  base = `http://127.0.0.1:${(sandbox.app.server.address() as AddressInfo).port}`;
});
beforeEach(() => admin('POST', '/reset'));
afterAll(() => sandbox.app.close());

async function admin<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const options = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const answer = await fetch(`${base}/admin${path}`, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function seeded(account = `account ${++lastAccount}`): Promise<Seeded> {
  const { grants } = await admin<{ grants: Seeded[] }>('POST', '/grants/notion', { accounts: [account] });
  return grants[0]!;
}

function refresh(token: string, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ grant_type: 'refresh_token', refresh_token: token });
  return fetch(`${base}/notion/v1/oauth/token`, { method: 'POST', headers: CLIENT, body, signal: signal ?? null });
}

function me(token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'notion-version': '2026-03-11' };
  return fetch(`${base}/notion/v1/users/me`, { headers });
}

async function log(query = ''): Promise<HistoryEntry[]> {
  return (await admin<{ entries: HistoryEntry[] }>('GET', `/log?${query}`)).entries;
}

async function refreshes(): Promise<Refresh[]> {
  return (await log('kind=refresh')) as Refresh[];
}

/** Waits until the history says so: an event, not a time. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
  }
}

describe('the sandbox tells the hub where everything is', () => {
  it('by endpoints at its own port, credentials by prefix, and the providers of the catalog', async () => {
    expect(await admin('GET', '/ready')).toEqual({ ready: true });
    expect(await admin('GET', '/providers')).toEqual([
      { id: 'google_drive', label: 'Google Drive', prefix: 'GOOGLE' },
      { id: 'notion', label: 'Notion', prefix: 'NOTION' },
      { id: 'shopify', label: 'Shopify', prefix: 'SHOPIFY' },
      { id: 'zapier', label: 'Zapier', prefix: null },
    ]);
    const port = new URL(base).port;
    expect(await admin('GET', '/endpoints')).toMatchObject({
      shopify: {
        tokenUrl: `http://localhost:${port}/shopify/{shop}/admin/oauth/access_token`,
        apiBaseUrl: `http://localhost:${port}/shopify/{shop}`,
      },
      zapier: { apiBaseUrl: `http://localhost:${port}/zapier` },
    });
    const credentials = await admin<Record<string, string>>('GET', '/credentials');
    expect(Object.keys(credentials)).toHaveLength(6);
    expect(credentials.SHOPIFY_CLIENT_SECRET!.length).toBeGreaterThanOrEqual(32);
  });
});

describe('faults', () => {
  it('lose the answer after the work is done', async () => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'refresh', kind: 'lost_response', times: 1 }]);
    await expect(refresh(refreshToken)).rejects.toThrow();
    const [entry] = await refreshes();
    expect(entry).toMatchObject({ accepted: true, again: false, answer: 'lost', generation: 0 });
    expect((await refresh(refreshToken)).status).toBe(400);
    expect(await admin('GET', '/stats')).toMatchObject({
      providers: {
        notion: {
          refreshes: { accepted: 1, answersLost: 1, refusedSpent: 1, doubleSpends: 1 },
          faults: { lost_response: 1 },
        },
      },
    });
  });

  it('cut the connection before any work', async () => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'token', kind: 'drop_before', times: 1 }]);
    await expect(refresh(refreshToken)).rejects.toThrow();
    expect(await refreshes()).toEqual([]);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it.each([
    [{ kind: 'status', status: 503 }, 503, /service_unavailable/],
    [{ kind: 'html' }, 502, /<html>/],
    [{ kind: 'error', status: 400, body: { error: 'invalid_grant' } }, 400, /^{"error":"invalid_grant"}$/],
    [{ kind: 'rate_limit', retryAfter: 7 }, 429, /rate_limited/],
    [{ kind: 'status', status: 302, headers: { location: 'http://elsewhere/' } }, 302, /./],
  ])('answer %j without any work', async (fault, status, body) => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'refresh', times: 1, ...fault }]);
    const headers = { ...CLIENT };
    const answer = await fetch(`${base}/notion/v1/oauth/token`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ grant_type: 'refresh_token', refresh_token: refreshToken }),
      redirect: 'manual',
    });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toMatch(body);
    if (status === 429) expect(answer.headers.get('retry-after')).toBe('7');
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it('may strike after the work: the provider rotated and its edge failed', async () => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'refresh', kind: 'html', status: 520, afterWork: true, times: 1 }]);
    expect((await refresh(refreshToken)).status).toBe(520);
    expect((await refreshes())[0]).toMatchObject({ accepted: true, answer: 'spoiled' });
    expect((await refresh(refreshToken)).status).toBe(400);
  });

  it('garble, drip and flood an answer', async () => {
    const { accessToken } = await seeded();
    const fault = (spec: object) => admin('PUT', '/faults/notion', [{ on: 'api', times: 1, ...spec }]);
    await fault({ kind: 'garbled' });
    await expect((await me(accessToken)).json()).rejects.toThrow();
    await fault({ kind: 'drip', ms: 100 });
    const begun = performance.now();
    expect(await (await me(accessToken)).json()).toMatchObject({ object: 'user' });
    expect(performance.now() - begun).toBeGreaterThan(80);
    await fault({ kind: 'flood', bytes: 100_000 });
    expect((await (await me(accessToken)).text()).length).toBeGreaterThan(100_000);
  });

  it('strike one account and leave the others alone', async () => {
    const [one, other] = [await seeded(), await seeded()];
    await admin('POST', '/faults/notion', { on: 'refresh', kind: 'status', account: one.account });
    expect((await refresh(one.refreshToken)).status).toBe(503);
    expect((await refresh(other.refreshToken)).status).toBe(200);
    const [rule] = await admin<{ id: string; fired: number }[]>('GET', '/faults/notion');
    expect(rule).toMatchObject({ matched: 1, fired: 1 });
    await admin('DELETE', `/faults/notion/${rule!.id}`);
    expect((await refresh(one.refreshToken)).status).toBe(200);
  });

  it('are refused when they name what does not exist', async () => {
    await expect(admin('PUT', '/faults/notion', [{ kind: 'explode' }])).rejects.toThrow('422');
    await expect(admin('PUT', '/faults/nowhere', [])).rejects.toThrow('404');
    await expect(admin('PATCH', '/settings/notion', { colour: 'red' })).rejects.toThrow('422');
  });
});

describe('the history', () => {
  it('follows a chain of refreshes by fingerprints, without a token in it', async () => {
    const { account, refreshToken } = await seeded();
    const next = (await (await refresh(refreshToken)).json()) as { refresh_token: string };
    await refresh(next.refresh_token);
    const entries = await log('provider=notion');
    const [exchange, first, second] = entries as [Extract<HistoryEntry, { kind: 'exchange' }>, Refresh, Refresh];
    expect(exchange).toMatchObject({ kind: 'exchange', accepted: true, account });
    expect(first).toMatchObject({ accepted: true, generation: 0, presented: exchange.handedOut!.refresh });
    expect(second).toMatchObject({ accepted: true, generation: 1, presented: first.handedOut!.refresh });
    expect(first.grant).toBe(exchange.grant);
    expect(JSON.stringify(entries)).not.toMatch(/ntn_|nrt_/);
    expect(await log(`provider=notion&after=${first.seq}`)).toHaveLength(1);
  });

  it('notices two refreshes in flight with one token', async () => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'refresh', kind: 'latency', ms: 50 }]);
    await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect((await refreshes()).map((entry) => [entry.accepted, entry.overlapping])).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  it('says that an answer was lost when the caller had hung up before the work was done', async () => {
    const { refreshToken } = await seeded();
    await admin('PUT', '/faults/notion', [{ on: 'refresh', kind: 'latency', ms: 200, times: 1 }]);
    await expect(refresh(refreshToken, AbortSignal.timeout(50))).rejects.toThrow();
    const entry = await until(async () => (await refreshes())[0]);
    expect(entry).toMatchObject({ accepted: true, answer: 'lost', overlapping: false });
  });

  it('counts API calls, and lists the latest when asked', async () => {
    const { accessToken } = await seeded();
    await me(accessToken);
    expect(await log('kind=call')).toEqual([]);
    expect(await log('kind=call&calls')).toMatchObject([{ route: 'me', status: 200, answer: 'sent' }]);
    expect(await admin('GET', '/stats')).toMatchObject({
      providers: { notion: { endpoints: { api: { calls: 1, answered: { 200: 1 }, peakPerSecond: 1 } } } },
    });
  });

  it('is bounded, and says where it begins', async () => {
    await admin('PATCH', '/settings', { historySize: 100 });
    const accounts = Array.from({ length: 150 }, (_, index) => `many ${index}`);
    await admin('POST', '/grants/notion', { accounts });
    const { entries, oldestSeq, lastSeq } = await admin<{ entries: []; oldestSeq: number; lastSeq: number }>(
      'GET',
      '/log',
    );
    expect(entries).toHaveLength(100);
    expect(lastSeq - oldestSeq).toBe(99);
    await admin('PATCH', '/settings', { historySize: 100_000 });
  });
});

describe('an admin', () => {
  it('revokes, expires and narrows grants without a word to the hub', async () => {
    const [one, other] = [await seeded(), await seeded()];
    expect(await admin('POST', '/expire/notion', { account: one.account })).toEqual({ expired: 1 });
    expect((await me(one.accessToken)).status).toBe(401);
    expect((await refresh(one.refreshToken)).status).toBe(200);
    expect(await admin('POST', '/grants/notion/revoke', { account: one.account })).toEqual({ revoked: 1 });
    expect((await me(other.accessToken)).status).toBe(200);
    expect(await admin('PATCH', '/grants/notion', { account: other.account, scopes: ['less'] })).toEqual({
      changed: 1,
    });
    expect(await admin('GET', `/grants/notion?account=${encodeURIComponent(other.account)}`)).toMatchObject({
      total: 1,
      grants: [{ account: other.account, scopes: ['less'], closed: null, refresh: { fate: 'unused' } }],
    });
    expect(await admin('POST', '/inspect/notion', { token: one.accessToken })).toMatchObject({
      kind: 'access',
      works: false,
    });
  });

  it('lets every refresh be refused, and takes it back without harm', async () => {
    const { refreshToken } = await seeded();
    await admin('PATCH', '/settings/notion', { refuseRefreshes: true });
    expect((await refresh(refreshToken)).status).toBe(400);
    await admin('PATCH', '/settings/notion', { refuseRefreshes: false });
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it('limits the token endpoint truly', async () => {
    const grants = await Promise.all(Array.from({ length: 12 }, () => seeded()));
    await admin('PATCH', '/settings/notion', { tokenLimitPerSecond: 5 });
    const answers = await Promise.all(grants.map((grant) => refresh(grant.refreshToken)));
    const admitted = answers.filter((answer) => answer.status === 200).length;
    expect(admitted).toBe(5);
    expect(await admin('GET', '/stats')).toMatchObject({
      providers: { notion: { endpoints: { refresh: { calls: 12, rateLimited: 7, answered: { 429: 7 } } } } },
    });
  });

  it('lets the consent page decide by itself', async () => {
    const query = new URLSearchParams({
      client_id: 'sandbox-notion-client',
      redirect_uri: 'http://localhost:3000/callback',
      response_type: 'code',
      owner: 'user',
      state: 'st',
      account: 'auto',
    });
    const visit = () => fetch(`${base}/notion/v1/oauth/authorize?${query}`, { redirect: 'manual' });
    expect((await visit()).status).toBe(200);
    await admin('PATCH', '/settings/notion?account=auto', { consent: 'approve' });
    expect((await visit()).headers.get('location')).toMatch(/^http:\/\/localhost:3000\/callback\?code=.+&state=st$/);
    await admin('PATCH', '/settings/notion', { consent: 'deny' });
    await admin('DELETE', '/settings/notion?account=auto');
    expect((await visit()).headers.get('location')).toContain('error=access_denied');
    expect((await log('kind=authorize')).map((entry) => entry.kind === 'authorize' && entry.decision)).toEqual([
      'asked',
      'approved',
      'denied',
    ]);
  });
});
