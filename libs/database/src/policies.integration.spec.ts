import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { standBeforeWalls, type Walls } from '../../../test/support/walls';
import type { HubDatabase } from './hub-database';
import type { AppLogin } from './provision';

const LOGINS: readonly AppLogin[] = ['gateway', 'refreshWorker', 'syncWorker', 'deliveryWorker'];

const ours = randomUUID() as OrgId;
const theirs = randomUUID() as OrgId;

describe('what the apps’ logins may do', () => {
  let database: OwnDatabase;
  let doors: Record<AppLogin, HubDatabase>;

  beforeAll(async () => {
    database = await cloneDatabase();
    for (const org of [ours, theirs]) {
      await database.sql(
        "insert into public.integrations (org_id, provider, access_token, refresh_token) values ($1, 'notion', 'a', 'r')",
        [org],
      );
      await database.sql(
        "insert into public.revocations (org_id, provider, integration_id, access_token, reason) values ($1, 'notion', gen_random_uuid(), 'x', 'disconnect')",
        [org],
      );
    }
    const opened = await Promise.all(LOGINS.map(async (login) => [login, await database.as(login)] as const));
    doors = Object.fromEntries(opened) as Record<AppLogin, HubDatabase>;
  });
  afterAll(() => database.drop());

  /** Tries a statement and undoes it. @returns how many rows it met, or that it was refused */
  async function attempt(run: (work: (manager: EntityManager) => Promise<void>) => Promise<void>, sql: string) {
    let met: number | 'refused' = 'refused';
    const undo = new Error('undo');
    await run(async (manager) => {
      const answer = await manager.query<unknown[] | [unknown[], number]>(sql);
      met = sql.startsWith('select') ? answer.length : (answer as [unknown[], number])[1];
      throw undo;
    }).catch((error: { code?: string }) => {
      if (error !== undo && error.code !== '42501') throw error;
    });
    return met;
  }

  const asOrg = (login: AppLogin, orgId: string) => (work: (manager: EntityManager) => Promise<void>) =>
    doors[login].withOrg(orgId as OrgId, work);
  /** A transaction that nobody has bound to an org. */
  const asNobody = (login: AppLogin) => (work: (manager: EntityManager) => Promise<void>) =>
    doors[login].dataSource.transaction(work);

  describe('between the orgs', () => {
    let own: OwnDatabase;
    let walls: Walls;

    beforeAll(async () => {
      own = await cloneDatabase();
      walls = await standBeforeWalls(own);
    });
    afterAll(async () => {
      await walls.close();
      await own.drop();
    });

    it('is nothing: of every table, each command meets the rows of the org that is set, and only where the rights say so', async () => {
      expect(await walls.breaches()).toEqual([]);
    });

    it('is noticed here where a table comes without policies', async () => {
      const other = await cloneDatabase();
      await other.sql(
        'create table public.newcomers (id uuid primary key default gen_random_uuid(), org_id uuid not null)',
      );
      await other.sql('grant select, insert on public.newcomers to hub_gateway');
      const before = await standBeforeWalls(other);
      expect(await before.breaches('newcomers')).toEqual(
        expect.arrayContaining([
          'newcomers does not enable and force row-level security',
          'gateway with nobody set: select on newcomers met [ours, theirs]',
          'gateway with ours set: insert of theirs on newcomers met [a row]',
        ]),
      );
      await before.close();
      await other.drop();
    });

    it.each([
      [
        'a view with its owner’s rights',
        'create view public.spy as select * from public.integrations',
        'drop view public.spy',
      ],
      [
        'a definer’s function without a search path, for everybody',
        'create function hub.spy() returns bigint language sql security definer return 1',
        'drop function hub.spy()',
      ],
      [
        'an index whose operators are not leakproof',
        'create index spy on public.integrations using gin (metadata)',
        'drop index public.spy',
      ],
      [
        'a unique key across orgs of what may be guessed',
        'create unique index spy on public.integrations (provider, account_id)',
        'drop index public.spy',
      ],
      [
        'a table of no org that nobody has thought about',
        'create table public.strangers (id uuid)',
        'drop table public.strangers',
      ],
    ])('is noticed where the catalog has %s', async (_what, make, unmake) => {
      await own.sql(make);
      expect((await walls.breaches('integrations')).length).toBeGreaterThan(0);
      await own.sql(unmake);
      expect(await walls.breaches('integrations')).toEqual([]);
    });

    it.each(LOGINS)('is nothing where the %s sets an org that is no UUID: an error, not everything', async (login) => {
      const run = doors[login].withOrg("' or true --" as OrgId, (manager) =>
        manager.query('select id from public.integrations'),
      );
      await expect(run).rejects.toMatchObject({ code: '22P02' });
    });
  });

  it.each([
    ['gateway', 'integrations', 'access_token'],
    ['gateway', 'integrations', 'refresh_token'],
    ['gateway', 'revocations', 'access_token'],
    ['gateway', 'revocations', 'refresh_token'],
    ['gateway', 'token_inbox', 'access_token'],
    ['refreshWorker', 'flows', 'parked_code'],
    ['refreshWorker', 'flows', 'verifier'],
    ['syncWorker', 'integrations', 'refresh_token'],
    ['syncWorker', 'revocations', 'access_token'],
    ['syncWorker', 'token_inbox', 'refresh_token'],
    ['syncWorker', 'flows', 'verifier'],
    ['syncWorker', 'audit_events', 'detail'],
    ['syncWorker', 'audit_heads', 'hash'],
    ['gateway', 'audit_heads', 'hash'],
    ['gateway', 'deliveries', 'data'],
    ['gateway', 'delivery_settings', 'previous_secret'],
    ['syncWorker', 'deliveries', 'data'],
    ['syncWorker', 'delivery_settings', 'secret'],
    ['deliveryWorker', 'integrations', 'refresh_token'],
    ['deliveryWorker', 'revocations', 'access_token'],
    ['deliveryWorker', 'token_inbox', 'refresh_token'],
    ['deliveryWorker', 'flows', 'verifier'],
    ['deliveryWorker', 'audit_events', 'detail'],
    ['deliveryWorker', 'audit_heads', 'hash'],
  ] as const)('the %s never reads %s.%s', async (login, table, column) => {
    const read = `select ${column} from public.${table}`;
    expect(await attempt(asOrg(login, ours), read)).toBe('refused');
    expect(await attempt(asOrg(login, ours), `select * from public.${table}`)).toBe('refused');
    expect(
      await attempt(asOrg(login, ours), `update public.${table} set ${column} = ${column} returning ${column}`),
    ).toBe('refused');
  });

  it.each([
    ['syncWorker', 'integrations', 'access_token'],
    ['syncWorker', 'integrations', 'refresh_token'],
    ['syncWorker', 'integrations', 'epoch'],
    ['refreshWorker', 'integrations', 'metadata'],
    ['gateway', 'integrations', 'settled_at'],
    ['gateway', 'revocations', 'access_token'],
    ['gateway', 'deliveries', 'data'],
    ['gateway', 'deliveries', 'seq'],
    ['deliveryWorker', 'integrations', 'access_token'],
    ['deliveryWorker', 'integrations', 'epoch'],
    ['deliveryWorker', 'deliveries', 'event_id'],
    ['deliveryWorker', 'delivery_settings', 'secret'],
    ['deliveryWorker', 'delivery_settings', 'events'],
    ['refreshWorker', 'delivery_settings', 'events'],
    ['syncWorker', 'deliveries', 'state'],
    ...LOGINS.flatMap((login) =>
      ['org_id', 'id', 'provider', 'created_at'].map((column) => [login, 'integrations', column] as const),
    ),
  ] as const)('the %s never changes %s.%s', async (login, table, column) => {
    expect(await attempt(asOrg(login, ours), `update public.${table} set ${column} = default`)).toBe('refused');
  });

  it('the gateway reads an access token by the token read alone, of the org that it names and no other', async () => {
    const read = async (org: string): Promise<unknown[]> =>
      doors.gateway.asSystem('test', (manager) =>
        manager.query("select access_token from hub.read_token($1, 'notion')", [org]),
      );
    expect(await read(ours)).toEqual([{ access_token: 'a' }]);
    expect(await read(randomUUID())).toEqual([]);
    for (const login of ['refreshWorker', 'syncWorker', 'deliveryWorker'] as const)
      expect(await attempt(asOrg(login, ours), `select * from hub.read_token('${ours}', 'notion')`)).toBe('refused');
  });

  it('the sync worker learns whether there is a refresh token, of its own org’s rows only', async () => {
    const has = async (org: OrgId, whose: OrgId): Promise<unknown> => {
      const [row] = await database.sql<{ id: string }>('select id from public.integrations where org_id = $1', [whose]);
      const [answer] = await doors.syncWorker.withOrg(org, (manager) =>
        manager.query<{ has: boolean | null }[]>('select hub.has_refresh_token($1) as has', [row?.id]),
      );
      return answer?.has;
    };
    expect(await has(ours, ours)).toBe(true);
    expect(await has(ours, theirs)).toBeNull();
  });

  // what the refresh worker's functions write over is kept: key-wrappings.integration.spec
  it.each(LOGINS)('the %s has no right of its own to change a data key or to delete one', async (login) => {
    for (const change of [
      'wrapped_key',
      'wrappings_before',
      'status',
      'key_provider',
      'wrapping_key_id',
      'org_id',
      'id',
    ])
      expect(await attempt(asOrg(login, ours), `update public.data_keys set ${change} = default`)).toBe('refused');
    expect(await attempt(asOrg(login, ours), 'delete from public.data_keys')).toBe('refused');
  });

  it.each(LOGINS)('the %s cannot become anybody else', async (login) => {
    for (const other of [
      'hub_owner',
      'hub_migrator',
      'hub_scanner',
      'hub_disconnector',
      'hub_token_reader',
      'hub_rotator',
      'hub_eraser',
      'postgres',
    ])
      expect(await attempt(asNobody(login), `set role ${other}`)).toBe('refused');
  });

  it.each(LOGINS)('the %s cannot switch the policies off', async (login) => {
    for (const sql of [
      'alter table public.integrations no force row level security',
      'drop policy integrations_by_org on public.integrations',
      'create policy open on public.integrations using (true)',
    ])
      expect(await attempt(asOrg(login, ours), sql)).toBe('refused');
    // asked to see everything or fail, the server fails rather than leave rows out
    expect(await attempt(asOrg(login, ours), 'truncate public.integrations')).toBe('refused');
  });

  describe('the org of a connection', () => {
    it('is gone when the connection comes back to the pool, after a commit, a rollback and a token read', async () => {
      const orgNow = async (): Promise<string | null> => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () =>
            doors.gateway.asSystem('test', (manager) =>
              manager.query<[{ org: string | null }]>(
                "select current_setting('hub.org_id', true) as org, pg_sleep(0.02)",
              ),
            ),
          ),
        );
        return answers.map(([{ org }]) => org).find((org) => org !== null && org !== '') ?? null;
      };
      await Promise.all(
        Array.from({ length: 8 }, () => doors.gateway.withOrg(ours, (manager) => manager.query('select 1'))),
      );
      expect(await orgNow()).toBeNull();
      await doors.gateway.withOrg(ours, (manager) => manager.query('select 1/0')).catch(() => undefined);
      expect(await orgNow()).toBeNull();
      await doors.gateway.asSystem('test', (manager) =>
        manager.query('select * from hub.read_token($1, $2)', [ours, 'notion']),
      );
      expect(await orgNow()).toBeNull();
    });
  });
});
