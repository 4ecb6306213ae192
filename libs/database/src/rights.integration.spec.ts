import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { ROLES } from './provision';

/** What the README says: role, table and command, with the columns; `execute` with the functions. */
type Rights = Record<string, readonly string[]>;

const HAS_NO_COLUMNS = 'delete';

/** The block of the README, in which a line that is indented further goes on with the one before. */
function written(columnsOf: Readonly<Record<string, readonly string[]>>): Rights {
  const readme = readFileSync(path.join(__dirname, '../README.md'), 'utf8');
  const block = /```text\n(hub_gateway\n[^`]*)```/.exec(readme)?.[1] ?? '';
  const rights: Record<string, string[]> = {};
  let role = '';
  for (const line of block
    .replaceAll(/\n {4,}/g, ' ')
    .split('\n')
    .filter(Boolean)) {
    if (!line.startsWith(' ')) role = line;
    else if (line.startsWith('  execute')) rights[`${role} execute`] = namesIn(line.slice('  execute'.length));
    else {
      const [, table = '', command = '', columns = ''] = /^ {2}(\w+) +(\w+) *(.*)$/.exec(line) ?? [];
      rights[`${role} ${table} ${command}`] = expanded(columns, columnsOf[table] ?? []);
    }
  }
  return sortedRights(rights);
}

function expanded(columns: string, all: readonly string[]): string[] {
  if (columns === '') return [HAS_NO_COLUMNS];
  if (columns === 'all') return [...all];
  if (columns.startsWith('all but ')) {
    const without = namesIn(columns.slice('all but '.length));
    return all.filter((name) => !without.includes(name));
  }
  return namesIn(columns);
}

const namesIn = (list: string): string[] => list.split(',').map((name) => name.trim());

function sortedRights(rights: Rights): Rights {
  return Object.fromEntries(
    Object.keys(rights)
      .sort()
      .map((key) => [key, [...(rights[key] ?? [])].sort()]),
  );
}

describe('the rights of the roles', () => {
  let database: OwnDatabase;
  const columnsOf: Record<string, string[]> = {};

  beforeAll(async () => {
    database = await cloneDatabase();
    const columns = await database.sql<{ table: string; name: string }>(
      `select attrelid::regclass::text as table, attname as name from pg_attribute join pg_class on pg_class.oid = attrelid
       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and attnum > 0 and not attisdropped`,
    );
    for (const { table, name } of columns) (columnsOf[table] ??= []).push(name);
  });
  afterAll(() => database.drop());

  /** As the catalog has them: what was granted to the very role, not what it has through another. */
  async function granted(): Promise<Rights> {
    const roles = ROLES.filter((role) => role !== 'hub_owner');
    const rows = await database.sql<{ role: string; table: string; command: string; column: string | null }>(
      `select acl.grantee::regrole::text as role, c.relname as table, lower(acl.privilege_type) as command, null as column
       from pg_class c, aclexplode(c.relacl) acl
       where c.relnamespace = 'public'::regnamespace and acl.grantee in (select oid from pg_roles where rolname = any($1))
       union all select acl.grantee::regrole::text, c.relname, lower(acl.privilege_type), a.attname
       from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) acl
       where c.relnamespace = 'public'::regnamespace and acl.grantee in (select oid from pg_roles where rolname = any($1))
       union all select acl.grantee::regrole::text, p.proname, 'execute', null from pg_proc p, aclexplode(p.proacl) acl
       where p.pronamespace = 'hub'::regnamespace and acl.grantee <> p.proowner
         and acl.grantee in (select oid from pg_roles where rolname = any($1))`,
      [roles],
    );
    const rights: Record<string, string[]> = {};
    for (const { role, table, command, column } of rows) {
      const key = command === 'execute' ? `${role} execute` : `${role} ${table} ${command}`;
      const what = command === 'execute' ? [table] : wholeTable(command, table, column);
      rights[key] = [...(rights[key] ?? []), ...what];
    }
    return sortedRights(rights);
  }

  function wholeTable(command: string, table: string, column: string | null): readonly string[] {
    if (column !== null) return [column];
    return command === 'delete' ? [HAS_NO_COLUMNS] : (columnsOf[table] ?? []);
  }

  it('are those of the README, and no other', async () => {
    expect(await granted()).toEqual(written(columnsOf));
  });

  it('are given to the apps by column, so that a new column is out of reach until somebody grants it', async () => {
    const whole = await database.sql(
      `select acl.grantee::regrole::text as role, c.relname as table, acl.privilege_type as command
       from pg_class c, aclexplode(c.relacl) acl
       where c.relnamespace = 'public'::regnamespace and acl.privilege_type <> 'DELETE' and c.relname <> 'hub_migrations'
         and acl.grantee in (select oid from pg_roles where rolname = any($1))`,
      [
        [
          'hub_gateway',
          'hub_worker',
          'hub_refresh_worker',
          'hub_sync_worker',
          'hub_delivery_worker',
          'hub_token_reader',
          'hub_rotator',
        ],
      ],
    );
    expect(whole).toEqual([]);
  });
});
