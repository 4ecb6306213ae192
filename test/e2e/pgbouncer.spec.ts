import { randomBytes } from 'node:crypto';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { findPgBouncer, PgBouncer, type PgBouncerProgram } from '../support/pgbouncer';
import { Stack, type AppName } from '../support/stack';
import { temporaryFolder } from '../support/temporary-folder';
import { TcpProxy } from '../support/tcp-proxy';
import { testServers } from '../support/test-servers';

const found = findPgBouncer();
const where = 'reason' in found ? ` (skipped: there is no PgBouncer: ${found.reason})` : '';
const described = 'reason' in found ? describe.skip : describe;

type OAuthName = 'notion' | 'google_drive' | 'shopify';

/** Server connections of each app's login. The apps hold up to ten each, the refresh worker four more. */
const POOL_SIZE = 2;
/** Level of a log record from which on somebody should look at it. */
const WARNING = 40;
const ORGS_OF_A_PROVIDER = 3;
/** How often a forced refresh asks each of them: Notion's tokens have no end, and nothing is spent on them. */
const REFRESHES: Readonly<Record<OAuthName, number>> = { notion: 0, google_drive: 1, shopify: 1 };
const PROVIDERS = Object.keys(REFRESHES) as OAuthName[];

/** The whole hub, each app a process, with nothing but PgBouncer's few connections between it and PostgreSQL. */
described(`a hub behind a PgBouncer in transaction mode${where}`, () => {
  let bouncer: PgBouncer;
  let toRedis: TcpProxy;
  let hub: Stack;
  const sealFolder = temporaryFolder();

  beforeAll(async () => {
    bouncer = await PgBouncer.start(found as PgBouncerProgram, { default_pool_size: POOL_SIZE });
    const redis = new URL(testServers().redisUrl);
    toRedis = await TcpProxy.before(redis.hostname, Number(redis.port));
    redis.port = String(toRedis.port);
    hub = await Stack.start({
      databaseUrl: (straight) => bouncer.through(straight),
      env: {
        REDIS_URL: redis.href,
        AUDIT_SEAL_KEY: `s1:${randomBytes(32).toString('base64')}`,
        AUDIT_SEAL_DIR: sealFolder(),
        AUDIT_SEAL_EVERY: '1s',
      },
    });
  }, 60_000);
  afterAll(async () => {
    await hub.stop();
    await toRedis.shut();
    await bouncer.stop();
  });

  interface Connected {
    readonly caller: Caller;
    readonly account: Account;
    readonly provider: OAuthName;
  }

  async function connected(provider: OAuthName): Promise<Connected> {
    const caller = hub.as();
    const account = ANYONES[provider]();
    await hub.connect(caller, account.order, account.choices);
    await hub.event(caller, 'sync.completed');
    return { caller, account, provider };
  }

  /** Holds all that an org is told of its connection against what the provider knows. @returns the access token */
  async function isTheirs({ caller, account, provider }: Connected): Promise<string> {
    const { integrations } = (await caller.list()).body;
    const there = integrations.filter(({ status }) => status !== 'not_connected');
    expect(there).toMatchObject([{ provider, status: 'connected', account: { label: account.name } }]);
    const { body } = await caller.token(provider);
    expect(body.account?.label).toBe(account.name);
    expect(await hub.sandbox.inspect(provider, body.accessToken)).toMatchObject({ works: true, account: account.name });
    return body.accessToken;
  }

  it('gives each of several orgs its own, whatever they all do at once', async () => {
    const all = PROVIDERS.flatMap((provider) => Array.from({ length: ORGS_OF_A_PROVIDER }, () => provider));
    const tokens: string[] = [];

    const live = async (provider: OAuthName): Promise<void> => {
      const theirs = await connected(provider);
      const { caller, account } = theirs;
      await isTheirs(theirs);
      const refreshed = await caller.refresh(provider);
      expect(refreshed).toMatchObject({ status: 200, body: { provider, account: { label: account.name } } });
      const refreshes = await hub.sandbox.log({ provider, account: account.name, kind: 'refresh' });
      expect(refreshes.map(({ accepted }) => accepted)).toEqual(Array(REFRESHES[provider]).fill(true));
      tokens.push(await isTheirs(theirs));
      const synced = await caller.sync(provider);
      expect(synced).toMatchObject({
        status: 200,
        body: { provider, account: { label: account.name }, failure: null },
      });
      await isTheirs(theirs);

      const trail = await hub.trail(caller);
      expect(new Set(trail.map((event) => event.integrationId).filter((id) => id !== null)).size).toBe(1);
      expect(trail.map(({ seq }) => seq)).toEqual(trail.map((_, place) => place + 1));

      expect((await caller.disconnect(provider, '?uninstall=true')).status).toBe(204);
      expect((await caller.list()).body.integrations.every(({ status }) => status === 'not_connected')).toBe(true);
      expect(codeOf(await caller.token(provider))).toBe('not_connected');
      await eventually('the grant to be given back', async () => {
        const grants = await hub.sandbox.grants(provider, account.name);
        return grants.length === 0;
      });
    };
    await Promise.all(all.map(live));

    expect(new Set(tokens).size).toBe(all.length);
    const [left] = await hub.database.rows<{ rows: number }>('select count(*)::int as rows from public.integrations');
    expect(left).toEqual({ rows: 0 });
  }, 60_000);

  it('stands on the few connections that PgBouncer has, which each app shares out among all orgs', async () => {
    const pools = await bouncer.pools();
    const logins = Object.values(testServers().logins).map(({ user }) => user);
    expect(pools.map(({ user }) => user).sort()).toEqual(logins.sort());
    expect(new Set(pools.map(({ pool_mode: mode }) => mode))).toEqual(new Set(['transaction']));
    // as PostgreSQL counts them: nobody has found another way in
    const seen = await hub.database.rows<{ name: string; connections: number }>(
      `select usename as name, count(*)::int as connections from pg_stat_activity
       where datname = current_database() and usename = any($1) group by 1`,
      [logins],
    );
    expect(seen).toHaveLength(logins.length);
    for (const { connections } of seen) expect(connections).toBeLessThanOrEqual(POOL_SIZE);
  });

  it('tells that its workers hear no notices, and of nothing else that is not as it should be', async () => {
    const troubles = (app: AppName): string[] =>
      hub
        .process(app)
        .lines.map((line) => JSON.parse(line) as { level: number; 'event.name'?: string })
        .filter(({ level }) => level >= WARNING)
        .map((record) => record['event.name'] ?? 'unnamed');
    for (const worker of ['refresh-worker', 'metadata-sync-worker'] as const) {
      await eventually('the record', () => Promise.resolve(troubles(worker).includes('hub.notices.unheard')));
      expect(troubles(worker)).toEqual(['hub.notices.unheard']);
    }
    expect(troubles('gateway')).toEqual(['hub.outbound.private_allowed']); // the sandbox is on this machine
    await eventually('a seal of the trails', () =>
      Promise.resolve(hub.process('refresh-worker').lines.some((line) => line.includes('"hub.audit.sealed"'))),
    );
  });

  it('does what somebody waits for while Redis is away too, by the workers’ own look', async () => {
    const theirs = await connected('shopify');
    const first = await isTheirs(theirs);
    const mark = await hub.lastSeq(theirs.caller);
    await toRedis.shut();
    expect([200, 202]).toContain((await theirs.caller.refresh('shopify')).status);
    await hub.event(theirs.caller, 'refresh.succeeded', { after: mark, withinMs: 45_000 });
    expect(await isTheirs(theirs)).not.toBe(first);
    await toRedis.reopen();
  }, 90_000);
});
