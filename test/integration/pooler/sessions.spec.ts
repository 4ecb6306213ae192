import { randomBytes, randomUUID } from 'node:crypto';
import {
  appDataSource,
  DueNotices,
  HubDatabase,
  IntegrationRepository,
  OrgErasureRepository,
  provisionDatabase,
  RetiredKeyRepository,
  type DueNotice,
} from '@hub/database';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { Client } from 'pg';
import { aConnect, ADA } from '../../factories/change';
import { hub } from '../../support/command-line';
import { cloneDatabase, type OwnDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { findPgBouncer, IGNORED_PARAMETERS, PgBouncer, type PgBouncerProgram } from '../../support/pgbouncer';
import { testServers } from '../../support/test-servers';

const found = findPgBouncer();
const where = 'reason' in found ? ` (skipped: there is no PgBouncer: ${found.reason})` : '';
const described = 'reason' in found ? describe.skip : describe;

const PROVIDER = 'notion' as ProviderId;

/** What takes a session of its own, and what becomes of it where there is none. */
described(`behind a PgBouncer in transaction mode${where}`, () => {
  const program = found as PgBouncerProgram;
  let database: OwnDatabase;
  let bouncer: PgBouncer;

  beforeAll(async () => {
    database = await cloneDatabase();
    bouncer = await PgBouncer.start(program, { default_pool_size: 2 });
  });
  afterAll(async () => {
    await bouncer.stop();
    await database.drop();
  });

  describe('the server’s own ends of what takes too long', () => {
    const timeouts = async (url: string) => {
      const door = new HubDatabase(await appDataSource(url, 'test-timeouts', 1).initialize());
      try {
        return await door.asSystem('what holds for this session', (manager) =>
          manager.query<unknown[]>(
            `select name, setting::int as ms from pg_settings
             where name in ('statement_timeout', 'idle_in_transaction_session_timeout') order by name`,
          ),
        );
      } finally {
        await door.close();
      }
    };

    it.each(['gatewayUrl', 'refreshWorkerUrl', 'syncWorkerUrl'] as const)(
      'hold for %s, though PgBouncer drops what the app sends at its start',
      async (url) => {
        const both = [
          { name: 'idle_in_transaction_session_timeout', ms: 10_000 },
          { name: 'statement_timeout', ms: 10_000 },
        ];
        expect(await timeouts(database[url])).toEqual(both);
        expect(await timeouts(bouncer.through(database[url]))).toEqual(both);
      },
    );

    it('would keep an app out if PgBouncer were not told to drop them', async () => {
      const strict = await PgBouncer.start(program, { ignore_startup_parameters: '' });
      try {
        await expect(timeouts(strict.through(database.gatewayUrl))).rejects.toThrow(/unsupported startup parameter/);
      } finally {
        await strict.stop();
      }
    });
  });

  describe('a notice', () => {
    let doors: { gateway: HubDatabase; worker: HubDatabase };

    beforeAll(async () => {
      const open = async (url: string) => HubDatabase.open(bouncer.through(url), 'test-pooled', 4);
      doors = { gateway: await open(database.gatewayUrl), worker: await open(database.refreshWorkerUrl) };
    });
    afterAll(async () => {
      await Promise.all(Object.values(doors).map((door) => door.close()));
    });

    async function listening(url: string): Promise<{ isHeard: boolean; heard: DueNotice[]; close(): Promise<void> }> {
      const notices = new DueNotices(url, 'test-notices', doors.worker);
      const heard: DueNotice[] = [];
      const tried: boolean[] = [];
      notices.whenTried((isHeard) => tried.push(isHeard));
      notices.listen((notice) => heard.push(notice));
      await eventually('the trial', () => Promise.resolve(tried.length > 0));
      return { isHeard: tried[0] ?? false, heard, close: () => notices.close() };
    }

    async function forcedRefresh(): Promise<IntegrationId> {
      const gateway = new IntegrationRepository(doors.gateway);
      const made = { orgId: randomUUID() as OrgId, id: randomUUID() as IntegrationId };
      const finish = () => Promise.resolve(true);
      await gateway.storeConnect({ ...made, provider: PROVIDER, change: aConnect(), actor: ADA }, finish);
      await gateway.requestRefresh(made.orgId, PROVIDER);
      return made.id;
    }

    it('is not heard through it, and the listener finds that out', async () => {
      const { isHeard, heard, close } = await listening(bouncer.through(database.refreshWorkerUrl));
      expect(isHeard).toBe(false);
      await forcedRefresh();
      expect(heard).toEqual([]);
      await close();
    });

    it('is heard by whoever listens at PostgreSQL itself, though all others go through it', async () => {
      const { isHeard, heard, close } = await listening(database.refreshWorkerUrl);
      expect(isHeard).toBe(true);
      const id = await forcedRefresh();
      expect(await eventually('the notice', () => Promise.resolve(heard[0]))).toMatchObject({ kind: 'refresh', id });
      await close();
    });
  });

  describe('the administrator', () => {
    let lax: PgBouncer;
    beforeAll(async () => {
      // what somebody writes who wants to be rid of a refusal
      lax = await PgBouncer.start(program, { ignore_startup_parameters: `${IGNORED_PARAMETERS},options` });
    });
    afterAll(() => lax.stop());

    it('is told that migrations need PostgreSQL itself, before anything is done', async () => {
      await expect(provisionDatabase({ adminUrl: lax.through(database.adminUrl) })).rejects.toThrow(
        /a pooler stands before PostgreSQL: .* Set DATABASE_ADMIN_URL to its own address/,
      );
      expect(
        await database.sql(
          'select 1 from pg_locks where locktype = $1 and database = (select oid from pg_database where datname = $2)',
          ['advisory', database.name],
        ),
      ).toEqual([]);
    });

    it.each([
      ['forget no org', OrgErasureRepository],
      ['destroy no key', RetiredKeyRepository],
    ])('can %s as the superuser that he is there, who would mean all orgs', async (_what, repository) => {
      const opened = repository.open(lax.through(database.adminUrl));
      await expect(opened).rejects.toThrow(/this session is postgres and not hub_eraser; .* not a pooler’s/);
      const straight = await repository.open(database.adminUrl);
      await straight.close();
    });

    it('is kept out by a PgBouncer that refuses what it does not know', async () => {
      const strict = OrgErasureRepository.open(bouncer.through(database.adminUrl));
      await expect(strict).rejects.toThrow(/unsupported startup parameter/);
    });
  });

  it('is told of by the doctor: what is not heard through it, and nothing once workers listen elsewhere', async () => {
    const settings = {
      DATABASE_URL: bouncer.through(database.refreshWorkerUrl),
      REDIS_URL: testServers().redisUrl,
      TOKEN_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      AUTH_JWT_SECRET: randomBytes(32).toString('hex'),
      AUTH_ISSUER: 'hub',
      AUTH_AUDIENCE: 'hub',
    };
    const through = await hub(['doctor'], settings);
    expect(through.out).toMatch(/✓ The server ends a statement after 10 s/);
    expect(through.out).toMatch(/! Workers do not hear what somebody waits for/);
    const beside = await hub(['doctor'], { ...settings, DATABASE_NOTICES_URL: database.refreshWorkerUrl });
    expect(beside.out).toMatch(/✓ Workers hear at once what somebody waits for/);
  });

  it('takes logins by what PostgreSQL keeps of their passwords, and a wrong password from nobody', async () => {
    const url = new URL(bouncer.through(database.gatewayUrl));
    url.password = 'wrong';
    const client = new Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow(/authentication failed/i);
  });
});
