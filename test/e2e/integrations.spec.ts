import { setTimeout as sleep } from 'node:timers/promises';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller, IntegrationBody } from '../support/caller';
import { eventually } from '../support/eventually';
import type { SandboxEntry } from '../support/sandbox-admin';
import { Stack } from '../support/stack';

/** The four scenarios of the hub, for every provider to which they apply: all apps as processes of their own, over HTTP. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
  for (const provider of EXPIRING) watchedLives.set(provider, watchLife(provider));
});
afterAll(() => hub.stop());

/** What each provider shows once it is connected and synced. */
const SHOWN = {
  shopify: {
    scope: 'read_products write_products read_orders',
    label: (account: Account) => account.name,
    metadata: (account: Account) => ({
      shopName: expect.any(String),
      plan: 'Basic',
      primaryDomain: account.name,
    }),
  },
  notion: {
    scope: null,
    label: (account: Account) => account.name,
    metadata: (account: Account) => ({
      workspaceName: account.name,
      botId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      memberCount: expect.any(Number),
    }),
  },
  google_drive: {
    scope: 'https://www.googleapis.com/auth/drive.file',
    label: (account: Account) => account.name,
    metadata: () => ({
      rootFolderId: expect.any(String),
      quota: { limit: expect.any(Number), usage: expect.any(Number) },
    }),
  },
  zapier: {
    scope: null,
    label: (account: Account) => expect.stringContaining(`…${account.name.slice(-4)}`),
    metadata: () => ({ webhookStatus: 'unverified', lastDeliveryAt: null }),
  },
} as const;

type Provider = keyof typeof SHOWN;
const PROVIDERS = Object.keys(SHOWN) as Provider[];

/** An org of its own with one account connected and synced. */
async function connected(provider: Provider, account = ANYONES[provider]()): Promise<Connected> {
  const caller = hub.as();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  const { body: integration } = await caller.read(provider);
  return { caller, account, integration };
}

interface Connected {
  readonly caller: Caller;
  readonly account: Account;
  readonly integration: IntegrationBody;
}

describe('Connect', () => {
  it.each(PROVIDERS)('shows %s as connected, with account, scope and synced metadata', async (provider) => {
    const caller = hub.as();
    expect((await caller.read(provider)).body).toMatchObject({ status: 'not_connected', configured: true });
    const account = ANYONES[provider]();

    const answered = await hub.connect(caller, account.order, account.choices);
    expect(answered).toMatchObject({ provider, status: 'connected', scope: SHOWN[provider].scope, failure: null });

    const completed = await hub.event(caller, 'sync.completed', { provider });
    const { body } = await caller.read(provider);
    expect(body).toMatchObject({ status: 'connected', account: { label: SHOWN[provider].label(account) } });
    expect(body.metadata).toEqual(SHOWN[provider].metadata(account));
    expect(Date.parse(body.lastSyncAt ?? '')).toBeGreaterThanOrEqual(Date.parse(body.createdAt ?? ''));
    const { events } = (await caller.audit()).body;
    expect(events.map(({ name }) => name)).toContain('integration.connected');
    expect(completed.detail).toEqual({ keys: Object.keys(body.metadata).sort() });
    expect(completed.integrationId).toBe(events.find(({ name }) => name === 'integration.connected')?.integrationId);
  });

  it('lists every provider, connected or not', async () => {
    const { caller } = await connected('notion');
    const { integrations } = (await caller.list()).body;
    expect(integrations.map(({ provider, status }) => [provider, status])).toEqual([
      ['google_drive', 'not_connected'],
      ['notion', 'connected'],
      ['shopify', 'not_connected'],
      ['zapier', 'not_connected'],
    ]);
  });
});

describe('Force refresh', () => {
  it.each(PROVIDERS)('moves lastSyncAt of %s forward, every time', async (provider) => {
    const { caller, integration } = await connected(provider);
    const first = await caller.refresh(provider);
    const second = await caller.refresh(provider);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body).toMatchObject({ provider, status: 'connected', failure: null });
    const times = [integration, first.body, second.body].map(({ lastSyncAt }) => Date.parse(lastSyncAt ?? ''));
    expect(times).toEqual([...new Set(times)].sort((one, other) => one - other));
  });

  it('rotates the tokens of Shopify, each refresh with the token that the one before gave', async () => {
    const { caller, account } = await connected('shopify');
    const before = (await caller.token('shopify')).body.accessToken;
    await caller.refresh('shopify');
    await caller.refresh('shopify');
    const [exchange] = await hub.sandbox.log({ provider: 'shopify', account: account.name, kind: 'exchange' });
    const refreshes = await refreshesOf('shopify', account);
    expect(refreshes.map(({ accepted, generation }) => [accepted, generation])).toEqual([
      [true, 0],
      [true, 1],
    ]);
    expect(refreshes.map(({ presented }) => presented)).toEqual([
      exchange?.handedOut?.refresh,
      refreshes[0]?.handedOut?.refresh,
    ]);
    const { accessToken } = (await caller.token('shopify')).body;
    expect(accessToken).not.toBe(before);
    expect(await hub.sandbox.inspect('shopify', accessToken)).toMatchObject({ works: true, account: account.name });
  });

  it('asks Google for a new token and keeps the refresh token, which does not rotate', async () => {
    const { caller, account } = await connected('google_drive');
    await caller.refresh('google_drive');
    await caller.refresh('google_drive');
    const refreshes = await refreshesOf('google_drive', account);
    expect(refreshes).toHaveLength(2);
    expect(new Set(refreshes.map(({ presented }) => presented)).size).toBe(1);
  });

  it('asks the API of Notion whether the token works, and spends no refresh token', async () => {
    const { caller, account } = await connected('notion');
    const before = await callsOf('notion', account);
    await caller.refresh('notion');
    expect((await callsOf('notion', account)).length).toBeGreaterThan(before.length);
    expect(await refreshesOf('notion', account)).toEqual([]);
  });

  it('calls nobody at Zapier: every request would start the Zap', async () => {
    const { caller, account } = await connected('zapier');
    await caller.refresh('zapier');
    await caller.sync('zapier');
    expect(await hub.sandbox.deliveries(account.name)).toEqual([]);
  });
});

describe('Disconnect', () => {
  it.each(PROVIDERS)('shows %s as not connected at once', async (provider) => {
    const { caller, account } = await connected(provider);
    const gone = await caller.disconnect(provider);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await caller.read(provider)).body).toMatchObject({ status: 'not_connected', account: null, metadata: {} });
    if (provider !== 'zapier') expect((await caller.token(provider)).status).toBe(404);
    expect((await hub.event(caller, 'integration.disconnected')).detail['account']).toEqual(
      SHOWN[provider].label(account),
    );
    expect((await caller.disconnect(provider)).status).toBe(204);
  });

  it.each(['notion', 'google_drive'] as const)('gives the grant of %s back', async (provider) => {
    const { caller, account } = await connected(provider);
    const { accessToken } = (await caller.token(provider)).body;
    await caller.disconnect(provider);
    await hub.event(caller, 'revocation.succeeded');
    expect(await revokesOf(provider, account)).toMatchObject([{ accepted: true }]);
    expect(await hub.sandbox.inspect(provider, accessToken)).toMatchObject({ works: false });
  });

  it.each(['notion', 'google_drive'] as const)(
    'leaves the grant of %s alone while another org stands on the account',
    async (provider) => {
      const one = await connected(provider);
      const other = await connected(provider, one.account);
      await one.caller.disconnect(provider);
      expect((await hub.event(one.caller, 'revocation.skipped')).detail).toMatchObject({
        reason: 'others_stand_on_it',
      });
      expect(await revokesOf(provider, one.account)).toEqual([]);
      const { accessToken } = (await other.caller.token(provider)).body;
      expect(await hub.sandbox.inspect(provider, accessToken)).toMatchObject({ works: true });
      expect((await other.caller.refresh(provider)).body.status).toBe('connected');
    },
  );

  it('leaves the app in the shop, unless it is asked to uninstall it', async () => {
    const kept = await connected('shopify');
    const removed = await connected('shopify');
    await Promise.all([kept.caller.disconnect('shopify'), removed.caller.disconnect('shopify', '?uninstall=true')]);
    await hub.event(removed.caller, 'revocation.succeeded');
    expect(await revokesOf('shopify', removed.account)).toMatchObject([{ accepted: true }]);
    expect(await hub.sandbox.grants('shopify', removed.account.name)).toEqual([]);
    expect(await revokesOf('shopify', kept.account)).toEqual([]);
    expect(await hub.sandbox.grants('shopify', kept.account.name)).toHaveLength(1);
  });

  it('can be followed by a new connect', async () => {
    const { caller, account, integration } = await connected('google_drive');
    await caller.disconnect('google_drive');
    const again = await hub.connect(caller, account.order, account.choices);
    expect(again.status).toBe('connected');
    expect(Date.parse(again.createdAt ?? '')).toBeGreaterThan(Date.parse(integration.createdAt ?? ''));
  });
});

/** Providers whose tokens end. */
const EXPIRING = ['shopify', 'google_drive'] as const;
const LIFE_SECONDS = 20;
const GENERATIONS = 2;
const watchedLives = new Map<Provider, Promise<WatchedLife>>();

interface WatchedLife {
  readonly refreshes: readonly SandboxEntry[];
  readonly firstEndsAt: number;
  /** Whether the provider took the token of each read. */
  readonly reads: readonly (boolean | undefined)[];
  readonly statuses: ReadonlySet<string>;
}

/** Watches tokens of a short life for some generations, from the start of the file on, while other tests run. */
function watchLife(provider: (typeof EXPIRING)[number]): Promise<WatchedLife> {
  const watching = (async () => {
    const account = ANYONES[provider]();
    await hub.sandbox.set(provider, { accessTokenSeconds: LIFE_SECONDS }, account.name);
    const { caller } = await connected(provider, account);
    const [exchange] = await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' });
    const reads: (boolean | undefined)[] = [];
    const statuses = new Set<string>();
    const refreshes = await eventually(
      `${GENERATIONS} refreshes of ${provider}`,
      async () => {
        // minTtl=0 asks for no refresh, so nobody but the hub itself sees to it
        const token = await caller.token(provider, '?minTtl=0');
        const known = token.status === 200 ? await hub.sandbox.inspect(provider, token.body.accessToken) : undefined;
        reads.push(known?.works);
        statuses.add((await caller.read(provider)).body.status);
        await sleep(150);
        const done = await refreshesOf(provider, account);
        return done.length >= GENERATIONS ? done : undefined;
      },
      { withinMs: (GENERATIONS + 1) * LIFE_SECONDS * 1000 },
    );
    return { refreshes, firstEndsAt: exchange?.handedOut?.accessExpiresAt ?? 0, reads, statuses };
  })();
  watching.catch(() => undefined); // told by the test that looks at it
  return watching;
}

describe('Token expiry', () => {
  it.each(EXPIRING)('has refreshed every token of %s before it ends, without anyone asking', async (provider) => {
    const { refreshes, firstEndsAt, reads, statuses } = await watchedLives.get(provider)!;
    const ends = [firstEndsAt, ...refreshes.map(({ handedOut }) => handedOut?.accessExpiresAt ?? 0)];
    for (const [place, refresh] of refreshes.entries()) {
      expect(refresh).toMatchObject({ accepted: true, answer: 'sent' });
      expect(Date.parse(refresh.at)).toBeLessThan(ends[place] ?? 0);
    }
    expect(reads.length).toBeGreaterThan(20);
    expect(new Set(reads)).toEqual(new Set([true]));
    expect(statuses).toEqual(new Set(['connected']));
  });
});

function refreshesOf(provider: Provider, account: Account): Promise<SandboxEntry[]> {
  return hub.sandbox.log({ provider, account: account.name, kind: 'refresh' });
}

function revokesOf(provider: Provider, account: Account): Promise<SandboxEntry[]> {
  return hub.sandbox.log({ provider, account: account.name, kind: 'revoke' });
}

function callsOf(provider: Provider, account: Account): Promise<SandboxEntry[]> {
  return hub.sandbox.log({ provider, account: account.name, kind: 'call', calls: true });
}
