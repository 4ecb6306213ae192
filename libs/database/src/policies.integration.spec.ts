import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import type { HubDatabase } from './hub-database';

type Role = 'gateway' | 'worker';
type Command = 'select' | 'insert' | 'update' | 'delete';

const ROLES: readonly Role[] = ['gateway', 'worker'];
const COMMANDS: readonly Command[] = ['select', 'insert', 'update', 'delete'];

const ours = randomUUID() as OrgId;
const theirs = randomUUID() as OrgId;

/** How a row of each table is made for an org, with the least that it needs. */
const ROW_OF: Record<string, (orgId: string) => [columns: string, values: string]> = {
  integrations: (org) => ['org_id, provider, access_token', `'${org}', 'notion', 'sealed'`],
  flows: (org) => [
    'id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at',
    `gen_random_uuid(), '${org}', 'notion', 'ada', 'open', 'https://a.example', 'client', 'x', now()`,
  ],
  audit_events: (org) => [
    'org_id, seq, at, name, actor_type, actor_id, prev_hash, hash',
    `'${org}', (random() * 1e9)::bigint + 10, now(), 'token.read', 'user', 'ada', '\\x', '\\x'`,
  ],
  audit_heads: (org) => ['org_id, seq, hash', `'${org}', 1, '\\x'`],
  audit_checkpoints: (org) => [
    'org_id, seq, hash, before, export_sha256',
    `'${org}', (random() * 1e9)::bigint, '\\x', '2026-01-01', '\\x'`,
  ],
  // retired ones: an org has no two active keys
  data_keys: (org) => [
    'org_id, key_provider, wrapping_key_id, wrapped_key, status',
    `'${org}', 'local', 'k1', 'x', 'retired'`,
  ],
  revocations: (org) => [
    'org_id, provider, integration_id, access_token, reason',
    `'${org}', 'notion', gen_random_uuid(), 'x', 'disconnect'`,
  ],
  token_inbox: (org) => [
    'org_id, provider, integration_id, epoch, access_token, issued_at',
    `'${org}', 'notion', gen_random_uuid(), 1, 'x', now()`,
  ],
};
const TABLES = Object.keys(ROW_OF);

const insertInto = (table: string, org: string): string => {
  const [columns, values] = ROW_OF[table]?.(org) ?? [];
  return `insert into public.${table} (${columns}) values (${values})`;
};

const STATEMENT: Record<Command, (table: string, org: string) => string> = {
  select: (table, org) => `select 1 from public.${table} where org_id = '${org}'`,
  insert: insertInto,
  update: (table, org) => `update public.${table} set org_id = org_id where org_id = '${org}'`,
  delete: (table, org) => `delete from public.${table} where org_id = '${org}'`,
};

describe('what the apps’ logins may do', () => {
  let database: OwnDatabase;
  let doors: Record<Role, HubDatabase>;

  beforeAll(async () => {
    database = await cloneDatabase();
    for (const table of TABLES) for (const org of [ours, theirs]) await database.sql(insertInto(table, org));
    doors = { gateway: await database.as('gateway'), worker: await database.as('worker') };
  });
  afterAll(() => database.drop());

  /** Tries a statement and undoes it. @returns how many rows it met, or that it was refused */
  async function attempt(run: (work: (manager: EntityManager) => Promise<void>) => Promise<void>, sql: string) {
    let met: number | 'refused' = 'refused';
    const undo = new Error('undo');
    await run(async (manager) => {
      const answer = await manager.query<unknown[] | [unknown[], number]>(sql);
      met = sql.startsWith('select')
        ? answer.length
        : sql.startsWith('insert')
          ? 1
          : (answer as [unknown[], number])[1];
      throw undo;
    }).catch((error: { code?: string }) => {
      if (error !== undo && error.code !== '42501') throw error;
    });
    return met;
  }

  const asOrg = (role: Role, orgId: string) => (work: (manager: EntityManager) => Promise<void>) =>
    doors[role].withOrg(orgId as OrgId, work);
  /** A transaction that nobody has bound to an org. */
  const asNobody = (role: Role) => (work: (manager: EntityManager) => Promise<void>) =>
    doors[role].dataSource.transaction(work);

  describe.each(ROLES)('as the %s', (role) => {
    describe.each(TABLES)('%s', (table) => {
      it.each(COMMANDS)('a foreign org’s rows are out of reach of %s', async (command) => {
        expect([0, 'refused']).toContain(await attempt(asOrg(role, ours), STATEMENT[command](table, theirs)));
      });

      it.each(COMMANDS)('no row at all is within reach of %s where no org is set', async (command) => {
        for (const org of [ours, theirs])
          expect([0, 'refused']).toContain(await attempt(asNobody(role), STATEMENT[command](table, org)));
      });

      it('a row cannot be moved to another org', async () => {
        const move = `update public.${table} set org_id = '${theirs}' where org_id = '${ours}'`;
        expect(await attempt(asOrg(role, ours), move)).toBe('refused');
      });
    });

    it('an org that is no UUID is an error, not everything', async () => {
      const run = doors[role].withOrg("' or true --" as OrgId, (manager) =>
        manager.query('select 1 from public.integrations'),
      );
      await expect(run).rejects.toMatchObject({ code: '22P02' });
    });
  });

  it('within their own org is what their work needs, and no more', async () => {
    const rights: Record<string, string> = {};
    for (const role of ROLES)
      for (const table of TABLES) {
        const met = await Promise.all(
          COMMANDS.map(async (command) =>
            (await attempt(
              asOrg(role, ours),
              command === 'insert' ? anotherOf(table) : STATEMENT[command](table, ours),
            )) === 'refused'
              ? ''
              : command,
          ),
        );
        rights[`${role} ${table}`] = met.filter(Boolean).join(' ');
      }
    expect(rights).toEqual({
      'gateway integrations': 'select insert update',
      'gateway flows': 'select insert update',
      'gateway audit_events': 'select',
      'gateway audit_heads': 'select',
      'gateway audit_checkpoints': 'select',
      'gateway data_keys': 'select insert',
      'gateway revocations': 'select insert',
      'gateway token_inbox': '',
      'worker integrations': 'select update',
      'worker flows': '',
      'worker audit_events': 'select',
      'worker audit_heads': 'select',
      'worker audit_checkpoints': 'select',
      'worker data_keys': 'select insert',
      'worker revocations': 'select insert update delete',
      'worker token_inbox': 'select insert delete',
    });

    /** A second row of our own, past the unique keys. */
    function anotherOf(table: string): string {
      return insertInto(table, ours).replace("'notion'", "'shopify'");
    }
  });

  it('the gateway may have a revocation tried again, and change nothing else about it', async () => {
    const columns = await database.sql<{ name: string }>(
      "select column_name as name from information_schema.columns where table_name = 'revocations' order by 1",
    );
    const changeable: string[] = [];
    for (const { name } of columns) {
      // without reading what it writes: the right to change is asked for, nothing else
      const set = `update public.revocations set ${name} = default where org_id = '${ours}'`;
      if ((await attempt(asOrg('gateway', ours), set)) !== 'refused') changeable.push(name);
    }
    expect(changeable).toEqual(['failed_attempts', 'next_attempt_at']);
    const again = (org: string) => `update public.revocations set next_attempt_at = now() where org_id = '${org}'`;
    expect(await attempt(asOrg('gateway', ours), again(ours))).toBe(1);
    expect(await attempt(asOrg('gateway', ours), again(theirs))).toBe(0);
  });

  it.each([
    ['gateway', 'integrations', 'refresh_token'],
    ['gateway', 'revocations', 'access_token'],
    ['gateway', 'revocations', 'refresh_token'],
    ['gateway', 'token_inbox', 'access_token'],
    ['worker', 'flows', 'parked_code'],
    ['worker', 'flows', 'verifier'],
  ] as const)('the %s never reads %s.%s', async (role, table, column) => {
    const read = `select ${column} from public.${table}`;
    expect(await attempt(asOrg(role, ours), read)).toBe('refused');
    expect(await attempt(asOrg(role, ours), `select * from public.${table}`)).toBe('refused');
    expect(
      await attempt(asOrg(role, ours), `update public.${table} set ${column} = ${column} returning ${column}`),
    ).toBe('refused');
  });

  it.each(ROLES)('the %s can neither change a data key nor delete one', async (role) => {
    for (const change of ['wrapped_key', 'status', 'key_provider', 'wrapping_key_id', 'org_id', 'id'])
      expect(await attempt(asOrg(role, ours), `update public.data_keys set ${change} = default`)).toBe('refused');
    expect(await attempt(asOrg(role, ours), STATEMENT.delete('data_keys', ours))).toBe('refused');
  });

  it.each(ROLES)('the %s cannot become anybody else', async (role) => {
    for (const other of ['hub_owner', 'hub_scanner', 'hub_disconnector', 'postgres'])
      expect(await attempt(asNobody(role), `set role ${other}`)).toBe('refused');
  });

  it.each(ROLES)('the %s cannot switch the policies off', async (role) => {
    for (const sql of [
      'alter table public.integrations no force row level security',
      'drop policy integrations_by_org on public.integrations',
      'create policy open on public.integrations using (true)',
    ])
      expect(await attempt(asOrg(role, ours), sql)).toBe('refused');
    // asked to see everything or fail, the server fails rather than leave rows out
    expect(await attempt(asOrg(role, ours), 'truncate public.integrations')).toBe('refused');
  });

  it('would be noticed here if a policy were open: the same statements then meet foreign rows', async () => {
    await database.sql('create policy open on public.integrations using (true)');
    try {
      expect(await attempt(asOrg('gateway', ours), STATEMENT.select('integrations', theirs))).toBe(1);
      expect(await attempt(asOrg('worker', ours), STATEMENT.update('integrations', theirs))).toBe(1);
    } finally {
      await database.sql('drop policy open on public.integrations');
    }
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
