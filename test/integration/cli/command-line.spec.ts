import { randomBytes, randomUUID } from 'node:crypto';
import { RefreshLeaseRepository, type Lease } from '@hub/database';
import { afterFailure, afterRefresh, type Change, type IntegrationId, type OrgId } from '@hub/domain';
import { JobConsumer, JobProducer, RedisConnections } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { sealGrant, TokenVault } from '@hub/token-vault';
import { Redis } from 'ioredis';
import { WORKER } from '../../factories/change';
import { FAILURES } from '../../factories/integration';
import { hub } from '../../support/command-line';
import { AwsKmsServer, wearCredentials } from '../../support/aws-kms-server';
import { dataKeysIn, vaultSettings } from '../../support/data-keys';
import { cloneDatabase, type OwnDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { storeIntegration, type Wanted } from '../../support/stored-integration';
import { testServers } from '../../support/test-servers';
import { VaultTransitServer } from '../../support/vault-transit-server';

const key = randomBytes(32);
let vault: TokenVault;
const anOrg = (): OrgId => randomUUID() as OrgId;

let database: OwnDatabase;
let environment: Record<string, string>;

beforeAll(async () => {
  database = await cloneDatabase();
  vault = vaultOf('k1', key);
  environment = {
    DATABASE_URL: database.refreshWorkerUrl,
    REDIS_URL: testServers().redisUrl,
    REDIS_PREFIX: `test-${database.name}`,
    TOKEN_KEYS: `k1:${key.toString('base64')}`,
    AUTH_JWT_SECRET: randomBytes(32).toString('hex'),
    AUTH_ISSUER: 'hub',
    AUTH_AUDIENCE: 'hub',
  };
});
afterAll(() => database.drop());

const vaultOf = (keyId: string, of: Buffer): TokenVault =>
  TokenVault.over(
    vaultSettings(keyId, of),
    dataKeysIn((sql, values) => database.sql(sql, values)),
  );

const store = (different: Partial<Wanted> = {}, by = vault) =>
  storeIntegration(database, by, {
    provider: 'google_drive',
    grant: { accessToken: 'access', refreshToken: 'refresh', account: 'ada@example.com', accountId: 'a-1' },
    dueInSeconds: 1_800,
    syncInSeconds: 1_800,
    ...different,
  });

it.each([
  [['keys', 'status'], 'of the gateway'],
  [['keys', 'rotate', '--detach'], 'of the gateway'],
  [['keys', 'status'], 'of the metadata sync worker'],
] as const)('hub %j by the login %s names the one that it takes', async (args, login) => {
  const { gatewayUrl, syncWorkerUrl } = database;
  const answer = await hub(args, {
    ...environment,
    DATABASE_URL: login === 'of the gateway' ? gatewayUrl : syncWorkerUrl,
  });
  expect(answer).toEqual({
    exitCode: 1,
    out: '',
    err: expect.stringMatching(
      /^The login of DATABASE_URL, \w+, may not do this \(.*\)\. It takes the refresh worker’s login\.\n$/,
    ),
  });
});

describe('hub integrations list', () => {
  const list = (orgId: OrgId, ...more: string[]) => hub(['integrations', 'list', '--org', orgId, ...more], environment);

  it('shows what the org has connected, and nothing of another', async () => {
    const { orgId } = await store();
    await store({ orgId, provider: 'notion', status: 'reauth_required' });
    await store({ provider: 'shopify' });
    const { exitCode, out, err } = await list(orgId);
    expect([exitCode, err]).toEqual([0, '']);
    const [head, drive, notion, ...more] = out.trim().split('\n');
    expect(head).toMatch(/^PROVIDER +STATUS +ACCOUNT +EXPIRES +NEXT REFRESH +LAST SYNC +FAILURE +DEAD LETTERS$/);
    expect(drive).toMatch(/^google_drive +connected +ada@example\.com +\d{4}-.*Z +\d{4}-.*Z +- +- +-$/);
    expect(notion).toMatch(/^notion +reauth_required .*invalid_grant × 1.* -$/);
    expect(more).toEqual([]);
  });

  it('gives the same as JSON', async () => {
    const { orgId, id } = await store();
    const { exitCode, out } = await list(orgId, '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject([
      { id, provider: 'google_drive', status: 'connected', account: { id: 'a-1', label: 'ada@example.com' } },
    ]);
    expect(out).not.toMatch(/hub1\./);
  });

  it('shows which jobs ran out of tries', async () => {
    const { orgId } = await store({ status: 'refresh_failing', failedRefreshes: 5, failedSyncs: 5 });
    expect((await list(orgId)).out).toMatch(
      /^google_drive +refresh_failing .*provider_unavailable × 5.* {2}refresh, sync$/m,
    );
    expect(JSON.parse((await list(orgId, '--json')).out)).toMatchObject([{ deadLetters: ['refresh', 'sync'] }]);
  });

  it('says that there is nothing', async () => {
    expect(await list(anOrg())).toEqual({ exitCode: 0, out: 'This org has connected nothing.\n', err: '' });
    expect((await list(anOrg(), '--json')).out).toBe('[]\n');
  });

  it('works with the gateway’s login as well', async () => {
    const { orgId } = await store();
    const { out } = await hub(['integrations', 'list', '--org', orgId], {
      ...environment,
      DATABASE_URL: database.gatewayUrl,
    });
    expect(out).toContain('google_drive');
  });

  it.each([
    ['no DATABASE_URL', '', /DATABASE_URL is missing/],
    ['another kind of URL', 'mysql://canary@host/db', /DATABASE_URL must be a URL that starts with postgres/],
    [
      'nobody at the port',
      'postgres://canary:canary@127.0.0.1:1/hub',
      /PostgreSQL refuses: .*ECONNREFUSED.*Check DATABASE_URL/,
    ],
  ])('says what is wrong with %s, without the secret', async (_what, DATABASE_URL, words) => {
    const { exitCode, out, err } = await hub(['integrations', 'list', '--org', anOrg()], {
      ...environment,
      DATABASE_URL,
    });
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toMatch(words);
    expect(err).not.toContain('canary');
  });
});

describe('hub refresh', () => {
  const refresh = (orgId: OrgId, provider = 'google_drive', changed: Record<string, string> = {}) =>
    hub(['refresh', '--org', orgId, '--provider', provider], { ...environment, ...changed });

  /** The provider grants anew. */
  const granted = async ({ integration }: Lease): Promise<Change> => {
    const now = new Date();
    const grant = {
      accessToken: 'new-access',
      refreshToken: 'new-refresh',
      expiresInSeconds: 3_600,
      refreshExpiresInSeconds: null,
      scopes: undefined,
    };
    const sealed = await vault.withSealer(integration.orgId, (sealer) => sealGrant(sealer, integration, grant, now));
    return afterRefresh(integration, sealed, now, 0);
  };

  /** What a worker does about one integration. */
  async function settle(
    leases: RefreshLeaseRepository,
    of: { orgId: string; id: string },
    decide: (lease: Lease) => Change | Promise<Change>,
  ) {
    const lease = await leases.claim(of.orgId as OrgId, of.id as IntegrationId, 'test');
    if (!('reason' in lease)) await leases.settle(lease, await decide(lease), WORKER);
  }

  /** A worker that settles what it is rung for as `decide` says; it ends with the test. */
  async function withWorker(
    decide: (lease: Lease) => Change | Promise<Change>,
    act: () => Promise<void>,
  ): Promise<void> {
    const config = { redisUrl: testServers().redisUrl, redisPrefix: environment.REDIS_PREFIX ?? '' };
    const logger = HubLogger.forApp('test', 'silent');
    const connections = new RedisConnections(config, logger);
    const producer = new JobProducer(config, connections, logger);
    const consumer = new JobConsumer(config, connections, producer, logger);
    const leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
    consumer.start('refresh', [{ provider: 'google_drive' }], async (work) => {
      await settle(leases, work, decide);
      return 'done';
    });
    try {
      await act();
    } finally {
      await consumer.drain();
      await producer.close();
      connections.close();
    }
  }

  it('has a worker refresh it at once, and tells that it is connected', async () => {
    const { orgId } = await store();
    await withWorker(granted, async () => {
      const { exitCode, out, err } = await refresh(orgId);
      expect([exitCode, err]).toEqual([0, '']);
      expect(out).toMatch(/^google_drive is connected; its token ends at \d{4}-/);
    });
  });

  it('tells that it failed, and when it is tried again', async () => {
    const { orgId } = await store();
    await withWorker(
      ({ integration }) => afterFailure(integration, FAILURES.down, new Date()),
      async () => {
        const { exitCode, out, err } = await refresh(orgId);
        expect([exitCode, out]).toEqual([1, '']);
        expect(err).toMatch(/google_drive is refresh_failing: provider_unavailable\. It is tried again at \d{4}-/);
      },
    );
  });

  it('tells that its user must come', async () => {
    const { orgId } = await store();
    await withWorker(
      ({ integration }) => afterFailure(integration, FAILURES.revoked, new Date()),
      async () => {
        const { exitCode, err } = await refresh(orgId);
        expect(exitCode).toBe(1);
        expect(err).toMatch(/google_drive is reauth_required: invalid_grant\. Its user has to connect again/);
      },
    );
  });

  it('waits on where a worker gives it back, and tells what the next one came to', async () => {
    const stored = await store();
    const leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
    const answer = refresh(stored.orgId);
    await eventually('the row to be due', async () => ((await stored.row()).next_refresh_at ?? Infinity) <= new Date());
    const lease = await leases.claim(stored.orgId, stored.id, 'test');
    if ('reason' in lease) throw new Error(lease.reason);
    await leases.release(lease);
    await settle(leases, stored, ({ integration }) => afterFailure(integration, FAILURES.down, new Date()));
    expect(await answer).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/google_drive is refresh_failing: provider_unavailable/),
    });
  });

  it('tells that it was put off, since the provider is in trouble for all', async () => {
    const { orgId } = await store();
    await database.sql(
      `insert into public.provider_breakers (provider, client_id, reason, probe_at)
       values ('google_drive', 'some-client', 'outage', now() + interval '5 minutes')`,
    );
    try {
      const { exitCode, out, err } = await refresh(orgId);
      expect([exitCode, out]).toEqual([1, '']);
      expect(err).toMatch(/google_drive was put off: .* not asked just now\. The next probe goes through in \d+ s\./);
    } finally {
      await database.sql('delete from public.provider_breakers');
    }
  });

  it('asks nothing where only a new connect helps', async () => {
    const { orgId } = await store({ status: 'reauth_required' });
    const { exitCode, err } = await refresh(orgId);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/google_drive needs its user: .*invalid_grant.*A new connect mends it/);
  });

  it('says that nothing is connected', async () => {
    expect(await refresh(anOrg())).toMatchObject({ exitCode: 1, err: 'This org has not connected google_drive.\n' });
  });

  it('takes no provider that is not there', async () => {
    const { exitCode, err } = await refresh(anOrg(), 'dropbox');
    expect(exitCode).toBe(2);
    expect(err).toMatch(/The providers are .*google_drive/);
  });

  it.each([
    ['away', 'redis://127.0.0.1:1'],
    ['not set', ''],
  ])('without Redis (%s) says who picks it up, and waits for it all the same', async (_how, REDIS_URL) => {
    const stored = await store();
    const leases = new RefreshLeaseRepository(await database.as('refreshWorker'));
    const answer = refresh(stored.orgId, 'google_drive', { REDIS_URL });
    await eventually('the row to be due', async () => ((await stored.row()).next_refresh_at ?? Infinity) <= new Date());
    await settle(leases, stored, granted); // as the watch of a worker does
    expect(await answer).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^google_drive is connected/),
      err: expect.stringMatching(/^Redis takes no ring: the workers’ watch picks it up/),
    });
  });

  it('says after ten seconds that no worker was through with it', async () => {
    const { orgId } = await store();
    const { exitCode, out, err } = await refresh(orgId);
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toMatch(/No worker was through with google_drive after 10 s/);
  });
});

describe('hub dead-letters', () => {
  const letters = (verb: 'list' | 'replay', orgId: OrgId, ...more: string[]) =>
    hub(['dead-letters', verb, '--org', orgId, ...more], environment);
  const dead = (different: Partial<Wanted> = {}) =>
    store({ status: 'refresh_failing', failedRefreshes: 5, failedSyncs: 5, ...different });
  /** Names of the jobs that stand in the queues of a provider for a row. */
  async function rung(id: string): Promise<string[]> {
    const redis = new Redis(testServers().redisUrl);
    const keys = await redis.keys(`${environment.REDIS_PREFIX}:*-google_drive:${id}*`);
    redis.disconnect();
    return keys.map((key) => key.split(':')[1] ?? '').sort();
  }
  const replaysOf = async (orgId: OrgId): Promise<object[]> =>
    database.sql(
      "select actor_type, actor_id, detail->>'deadLetter' as letter from public.audit_events where org_id = $1 and name = 'dead_letter.replayed' order by 3",
      [orgId],
    );

  it('lists an org’s letters, and nothing of another', async () => {
    const { orgId, id } = await dead();
    await dead();
    const { exitCode, out, err } = await letters('list', orgId);
    expect([exitCode, err]).toEqual([0, '']);
    const [head, ...lines] = out.trim().split('\n');
    expect(head).toMatch(/^ID +PROVIDER +REASON +ATTEMPTS +FIRST FAILED +LAST FAILED +EVENT$/);
    expect(lines.map((line) => line.split(/ +/).slice(0, 4))).toEqual([
      [`refresh-${id}`, 'google_drive', 'provider_unavailable', '5'],
      [`sync-${id}`, 'google_drive', 'provider_unavailable', '5'],
    ]);
  });

  it('lists by kind and provider, also as JSON', async () => {
    const { orgId, id } = await dead();
    const json = await letters('list', orgId, '--kind', 'sync', '--provider', 'google_drive', '--json');
    expect(JSON.parse(json.out)).toEqual([
      {
        id: `sync-${id}`,
        kind: 'sync',
        provider: 'google_drive',
        integrationId: id,
        reason: 'provider_unavailable',
        attempts: 5,
        firstFailedAt: expect.any(String),
        lastFailedAt: expect.any(String),
      },
    ]);
    expect((await letters('list', orgId, '--provider', 'notion')).out).toBe('There is no such dead letter.\n');
    expect((await letters('list', anOrg(), '--json')).out).toBe('[]\n');
  });

  it('lists more than fit on one page', async () => {
    const orgId = anOrg();
    await database.sql(
      `insert into public.revocations (org_id, provider, integration_id, access_token, reason, failed_attempts, failure_code, first_failed_at, last_failed_at)
       select $1, 'notion', gen_random_uuid(), 'x', 'disconnect', 5, 'internal', now(), now() from generate_series(1, 405)`,
      [orgId],
    );
    const found = JSON.parse((await letters('list', orgId, '--json')).out) as { id: string }[];
    expect(new Set(found.map(({ id }) => id)).size).toBe(405);
    await database.sql('delete from public.revocations where org_id = $1', [orgId]);
  });

  it.each(['refreshWorkerUrl', 'gatewayUrl'] as const)(
    'replays all of an org with the login of %s, and rings',
    async (login) => {
      const { orgId, id, row } = await dead();
      const other = await dead();
      const { exitCode, out, err } = await hub(['dead-letters', 'replay', '--org', orgId], {
        ...environment,
        DATABASE_URL: database[login],
      });
      expect([exitCode, err]).toEqual([0, '']);
      expect(out).toMatch(/^2 due now\./);
      const { next_refresh_at: refresh, next_sync_at: sync } = await row();
      for (const due of [refresh, sync]) expect(due?.getTime()).toBeLessThanOrEqual(Date.now());
      expect(await rung(id)).toEqual(['metadata-sync-google_drive', 'token-refresh-google_drive']);
      expect(await replaysOf(orgId)).toEqual([
        { actor_type: 'system', actor_id: 'cli', letter: `refresh-${id}` },
        { actor_type: 'system', actor_id: 'cli', letter: `sync-${id}` },
      ]);
      expect((await other.row()).next_sync_at?.getTime()).toBeGreaterThan(Date.now());
      expect(await rung(other.id)).toEqual([]);
    },
  );

  it.each([
    ['one', (id: string) => ['--id', `sync-${id}`]],
    ['a kind', () => ['--kind', 'sync']],
    ['a provider’s kind', () => ['--provider', 'google_drive', '--kind', 'sync']],
  ])('replays %s alone', async (_what, options) => {
    const { orgId, id } = await dead();
    expect((await letters('replay', orgId, ...options(id))).out).toMatch(/^1 due now\./);
    expect(await replaysOf(orgId)).toMatchObject([{ letter: `sync-${id}` }]);
    expect(await rung(id)).toEqual(['metadata-sync-google_drive']);
  });

  it('replays nothing of another org, and nothing that is well', async () => {
    const { orgId, id } = await dead();
    const stranger = anOrg();
    expect(await letters('replay', stranger, '--id', `sync-${id}`)).toMatchObject({
      exitCode: 1,
      out: '',
      err: `This org has no dead letter sync-${id}.\n`,
    });
    expect((await letters('replay', stranger)).out).toBe('There is no such dead letter.\n');
    expect((await letters('replay', (await store()).orgId)).out).toBe('There is no such dead letter.\n');
    expect([await replaysOf(orgId), await rung(id)]).toEqual([[], []]);
  });

  it('without Redis says who picks it up: the row is due all the same', async () => {
    const { orgId, row } = await dead();
    const { exitCode, out, err } = await hub(['dead-letters', 'replay', '--org', orgId], {
      ...environment,
      REDIS_URL: 'redis://127.0.0.1:1',
    });
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^2 due now\./);
    expect(err).toMatch(/^Redis takes no ring: the workers’ watch picks it up/);
    expect((await row()).next_sync_at?.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    ['no org', ['dead-letters', 'list'], /--org/],
    [
      'a kind that is none',
      ['dead-letters', 'list', '--org', anOrg(), '--kind', 'token'],
      /The kinds are sync, refresh/,
    ],
    [
      'one and a kind',
      ['dead-letters', 'replay', '--org', anOrg(), '--id', 'x', '--kind', 'sync'],
      /cannot be used with/,
    ],
    ['an empty id', ['dead-letters', 'replay', '--org', anOrg(), '--id', ''], /empty/],
  ])('takes %s for wrong usage', async (_what, args, words) => {
    const { exitCode, out, err } = await hub(args, environment);
    expect([exitCode, out]).toEqual([2, '']);
    expect(err).toMatch(words);
  });
});

describe('hub doctor', () => {
  const doctor = (changed: Record<string, string> = {}) => hub(['doctor'], { ...environment, ...changed });
  const ill = ({ out }: { out: string }): string[] => out.split('\n').filter((line) => line.startsWith('✗'));

  it('finds nothing to mend in a sound installation, a line for each check', async () => {
    await store();
    const answer = await doctor({
      NOTION_CLIENT_ID: 'id',
      NOTION_CLIENT_SECRET: 'secret',
      PUBLIC_URL: 'https://hub.example',
      AUDIT_SEAL_KEY: `s1:${randomBytes(32).toString('base64')}`,
      AUDIT_SEAL_DIR: '/var/lib/hub/audit-seals',
    });
    expect(ill(answer)).toEqual([]);
    expect(answer).toMatchObject({ exitCode: 0, err: '' });
    for (const words of [
      /✓ Node \d+/,
      /✓ Settings can be used/,
      /✓ Token keys: k1 wraps/,
      /✓ The audit trail is sealed with s1, outside the database/,
      /✓ PostgreSQL \d+\.\d+, database e2e_/,
      /✓ The login \S+ is bound by row-level security/,
      /✓ Row-level security is forced on all \d+ tables of orgs/,
      /✓ Migrations are up to date/,
      /! A crash may forget commits/, // the servers of tests are in a hurry
      /✓ There is no standby that lags behind/,
      /✓ The server ends a statement after 10 s/,
      /✓ The database's clock is -?\d+\.\d s ahead/,
      /✓ Workers hear at once what somebody waits for/,
      /✓ Every sealed value in sight opens with a known key \(\d+ values\)/,
      /✓ Redis \d+\.\d+/,
      /Redis evicts nothing/,
      /✓ Notion has credentials; redirect URL to register: https:\/\/hub\.example\/functions\/v1\/integrations-callback\/notion/,
      /! Shopify has no credentials → set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET/,
      /✓ Zapier needs no credentials/,
    ])
      expect(answer.out).toMatch(words);
  });

  it('tells where workers are to listen and do not hear what others notice', async () => {
    const elsewhere = new URL(database.refreshWorkerUrl);
    elsewhere.pathname = '/postgres'; // a server that answers, and where nobody notices anything
    const answer = await doctor({ DATABASE_NOTICES_URL: elsewhere.href });
    expect(answer.out).toMatch(/! Workers do not hear .* → .* set DATABASE_NOTICES_URL to PostgreSQL itself/);
    expect(answer.exitCode).toBe(0);
  });

  it('shows no secret', async () => {
    const { out, err } = await doctor({ NOTION_CLIENT_ID: 'id', NOTION_CLIENT_SECRET: 'canary' });
    expect(out + err).not.toContain('canary');
    expect(out + err).not.toContain(key.toString('base64'));
  });

  it('warns of an audit trail that nobody seals', async () => {
    const { exitCode, out } = await doctor({ AUDIT_SEAL_DIR: '/var/lib/hub/audit-seals' });
    expect([exitCode, out]).toEqual([
      0,
      expect.stringMatching(/! The audit trail is not sealed: .* → set AUDIT_SEAL_KEY and AUDIT_SEAL_DIR/),
    ]);
  });

  it('asks Vault to wrap and unwrap, and tells what to check if it does not', async () => {
    const vaultServer = new VaultTransitServer();
    await vaultServer.start();
    try {
      const settings = { KEY_PROVIDER: 'vault-transit', VAULT_ADDR: vaultServer.url, VAULT_TOKEN: 's.root' };
      expect((await doctor(settings)).out).toMatch(/✓ The key provider vault-transit wraps and unwraps/);
      vaultServer.state = 'sealed';
      const answer = await doctor(settings);
      expect(ill(answer)).toEqual([
        expect.stringMatching(
          /The key provider vault-transit does not wrap and unwrap \(Vault answers 503\) → check that Vault is unsealed/,
        ),
      ]);
      expect([answer.exitCode, answer.out + answer.err]).toEqual([1, expect.not.stringContaining('s.root')]);
      vaultServer.state = { refuses: "'[0].associated_data' provided for non-AEAD cipher suite rsa-2048" };
      expect((await doctor(settings)).out).toContain('(Vault answers 400: the key’s type knows no associated data)');
    } finally {
      await vaultServer.stop();
    }
  });

  it('asks AWS KMS too, and tells of a key in another region which setting to mend', async () => {
    const kms = new AwsKmsServer();
    await kms.start();
    const takeOff = wearCredentials(kms.identity);
    try {
      const settings = {
        KEY_PROVIDER: 'aws-kms',
        AWS_KMS_KEY_ID: 'alias/hub',
        AWS_REGION: kms.identity.region,
        AWS_KMS_ENDPOINT: kms.url,
      };
      const answer = await doctor(settings);
      expect(ill(answer)).toEqual([
        expect.stringMatching(
          /The key provider aws-kms does not wrap and unwrap \(NotFoundException: there is no key AWS_KMS_KEY_ID in the region eu-central-1\) → set AWS_REGION to the region of the key/,
        ),
      ]);
      expect([answer.exitCode, answer.out + answer.err]).toEqual([
        1,
        expect.not.stringContaining(kms.identity.secretAccessKey),
      ]);
      kms.key('alias/hub');
      expect((await doctor(settings)).out).toMatch(/✓ The key provider aws-kms wraps and unwraps/);
    } finally {
      takeOff();
      await kms.stop();
    }
  });

  it('finds sealed values whose key is gone', async () => {
    const stranger = vaultOf('old', randomBytes(32));
    const { id } = await store({}, stranger);
    const answer = await doctor();
    expect(ill(answer)).toEqual([
      expect.stringMatching(/Sealed with keys that are not in TOKEN_KEYS: old \(2\) → add those keys again/),
    ]);
    expect(answer.exitCode).toBe(1);
    await database.sql('delete from public.integrations where id = $1', [id]);
  });

  it('finds a superuser in DATABASE_URL', async () => {
    const answer = await doctor({ DATABASE_URL: database.adminUrl });
    expect(ill(answer)).toEqual([
      expect.stringMatching(/The login postgres is a superuser and bypasses row-level security/),
    ]);
  });

  it('finds policies that somebody has switched off, and migrations that are missing', async () => {
    await database.sql('alter table public.flows no force row level security');
    await database.sql("delete from public.hub_migrations where name like 'CreateNarrowDoors%'");
    try {
      expect(ill(await doctor())).toEqual([
        expect.stringMatching(/Row-level security is not forced on flows/),
        expect.stringMatching(/Migrations are missing: CreateNarrowDoors\d+ → run `npm run migrate`/),
      ]);
    } finally {
      await database.sql('alter table public.flows force row level security');
      await database.sql(
        "insert into public.hub_migrations (timestamp, name) values (1795392400000, 'CreateNarrowDoors1795392400000')",
      );
    }
  });

  it.each(['gatewayUrl', 'syncWorkerUrl'] as const)(
    'says that it looked at no keys as the login of %s, which may not',
    async (login) => {
      const answer = await doctor({ DATABASE_URL: database[login] });
      expect(ill(answer)).toEqual([]);
      expect(answer.out).toMatch(/! Which keys are in use was not looked at/);
    },
  );

  it('tells of servers that cannot be reached, and goes on', async () => {
    const answer = await doctor({
      DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/hub',
      REDIS_URL: 'redis://:canary@127.0.0.1:1',
    });
    expect(answer.exitCode).toBe(1);
    expect(ill(answer)).toEqual([
      expect.stringMatching(/PostgreSQL cannot be examined → PostgreSQL refuses: .*ECONNREFUSED/),
      expect.stringMatching(/Redis cannot be reached \(.*ECONNREFUSED.*\) → check REDIS_URL/),
    ]);
    expect(answer.out).toMatch(/Zapier needs no credentials/);
    expect(answer.out).not.toContain('canary');
  });

  it('asks no Redis whose URL is none, and repeats nothing of it', async () => {
    const { out, err } = await doctor({ REDIS_URL: 'http://:canary@127.0.0.1:1' });
    expect(ill({ out })).toEqual([expect.stringMatching(/Settings → REDIS_URL must be a URL that starts with redis/)]);
    expect(out + err).not.toContain('canary');
  });

  it('examines all but the callers by the settings of a worker, which has nothing of them', async () => {
    await store();
    const answer = await doctor({
      ...{ AUTH_JWT_SECRET: '', AUTH_ISSUER: '', AUTH_AUDIENCE: '' },
      ...{ NOTION_CLIENT_ID: 'id', NOTION_CLIENT_SECRET: 'secret', PUBLIC_URL: 'https://hub.example' },
    });
    expect(ill(answer)).toEqual([]);
    expect(answer.exitCode).toBe(0);
    for (const words of [
      /! Nothing says here how callers are verified → only the gateway needs AUTH_\*/,
      /✓ Token keys: k1 wraps/,
      /✓ Workers hear at once/,
      /✓ Every sealed value in sight opens with a known key \([1-9]\d* values\)/,
      /✓ Notion has credentials; redirect URL to register: https:\/\/hub\.example\//,
    ])
      expect(answer.out).toMatch(words);
    expect(answer.out).not.toContain('Settings can be used');
  });

  it('takes half of what verifies callers for a mistake, and examines all else', async () => {
    const answer = await doctor({ AUTH_AUDIENCE: '' });
    expect(ill(answer)).toEqual([expect.stringMatching(/✗ Settings → AUTH_AUDIENCE is missing/)]);
    expect(answer.out).toMatch(/✓ Token keys: k1 wraps/);
    expect(answer.exitCode).toBe(1);
  });

  it('tells every mistake of the settings, each once, and examines what it can', async () => {
    const answer = await doctor({ TOKEN_KEYS: 'k1:short', AUTH_ISSUER: '', PORT: 'x' });
    expect(ill(answer).sort()).toEqual([
      expect.stringMatching(/✗ Settings → AUTH_ISSUER is missing/),
      expect.stringMatching(/✗ Settings → PORT must be a port/),
      expect.stringMatching(/✗ Settings → TOKEN_KEYS, key 1/),
    ]);
    expect(answer.out).toMatch(/✓ PostgreSQL/);
    expect(answer.exitCode).toBe(1);
  });
});
