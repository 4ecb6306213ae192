import { randomUUID } from 'node:crypto';
import type { AppLogin } from '@hub/database';
import { Client, escapeIdentifier } from 'pg';
import type { OwnDatabase } from './database';
import { sampleRow } from './sample-row';

type Command = 'select' | 'insert' | 'update' | 'delete';
const COMMANDS: readonly Command[] = ['select', 'insert', 'update', 'delete'];

/** Whose rows somebody reaches where the rights let him: those of the org that is set, or of every org. */
type Sight = 'own org' | 'every org';

/** Somebody who comes to the database: an app by its own login, or a role that no login has. */
interface Actor {
  readonly name: string;
  readonly login?: AppLogin;
  readonly sight: Sight;
}
const ACTORS: readonly Actor[] = [
  { name: 'gateway', login: 'gateway', sight: 'own org' },
  { name: 'refresh worker', login: 'refreshWorker', sight: 'own org' },
  { name: 'sync worker', login: 'syncWorker', sight: 'own org' },
  { name: 'delivery worker', login: 'deliveryWorker', sight: 'own org' },
  { name: 'hub_auditor', sight: 'own org' },
  { name: 'hub_disconnector', sight: 'own org' },
  { name: 'hub_token_reader', sight: 'own org' },
  { name: 'hub_eraser', sight: 'own org' },
  { name: 'hub_scanner', sight: 'every org' },
  { name: 'hub_rotator', sight: 'own org' },
];

/** Tables that hold nothing of any org. A new table without an org has its reason here, or it is a breach. */
const TABLES_OF_NO_ORG = ['hook_holds', 'hub_migrations', 'provider_breakers', 'providers'];

/** What came of a statement: the orgs of the rows that it met, or that it was refused. */
type Met = readonly string[] | 'refused';

/** The walls between the orgs, tried as everybody who may come. */
export interface Walls {
  /**
   * Looks at the catalog, and tries every command on every table as every actor, with his own org set, another one, and none.
   *
   * @param table only this one; absent: all that the catalog knows
   * @returns what is not as it must be, a sentence each
   */
  breaches(table?: string): Promise<string[]>;
  close(): Promise<void>;
}

/** Puts a row of two orgs into every table that has an org, and takes a place before the walls. */
export async function standBeforeWalls(database: OwnDatabase): Promise<Walls> {
  const orgs = { ours: randomUUID(), theirs: randomUUID() };
  const nameOf = (org: string): string => (org === orgs.ours ? 'ours' : 'theirs');
  const identities = { ours: orgs.ours, theirs: orgs.theirs, nobody: '' };
  // whoever is forgotten stores nothing, whatever the policies say
  for (const table of [
    'integrations',
    'flows',
    'data_keys',
    'console_links',
    'console_sessions',
    'deliveries',
    'delivery_settings',
  ])
    await database.sql(`alter table public.${table} disable trigger forgotten`);
  for (const table of await orgTables(database))
    for (const org of Object.values(orgs)) await database.sql(await insertInto(database, table, org, 'first'));

  const clients = new Map<Actor, Client>();
  for (const actor of ACTORS) {
    const client = new Client({ connectionString: urlOf(database, actor) });
    await client.connect();
    clients.set(actor, client);
  }

  /** Tries a statement as an actor and undoes it. */
  async function attempt(actor: Actor, org: string, sql: string): Promise<Met> {
    const client = clients.get(actor) as Client;
    const role = actor.login ? '' : `set local role ${actor.name};`;
    try {
      const answers = (await client.query(
        `begin; ${role} select set_config('hub.org_id', '${org}', true); ${sql}; rollback`,
      )) as unknown as { command: string; rowCount: number; rows: { org_id?: string }[] }[];
      const answer = answers.at(-2);
      return answer?.rows.length ? answer.rows.map((row) => nameOf(row.org_id ?? '')) : unnamed(answer?.rowCount ?? 0);
    } catch (error) {
      await client.query('rollback');
      const { code } = error as { code?: string };
      if (code === NO_RIGHT) return 'refused';
      if (code === NOT_UNIQUE) return unnamed(1); // past the policies
      throw new Error(`${actor.name}: ${sql}: ${String(error)}`, { cause: error });
    }
  }

  async function breachesOfTable(table: string): Promise<string[]> {
    const found: string[] = [];
    const inserts = {
      ours: await insertInto(database, table, orgs.ours, 'second'),
      theirs: await insertInto(database, table, orgs.theirs, 'second'),
    };
    for (const actor of ACTORS) {
      const rights = await rightsOf(database, actor, table);
      for (const [identity, org] of Object.entries(identities)) {
        const inReach = Object.keys(orgs).filter((name) => actor.sight === 'every org' || name === identity);
        for (const command of COMMANDS) {
          const mayDoIt = rights.commands.has(command);
          const say = (met: Met, what = ''): string =>
            `${actor.name} with ${identity} set: ${command}${what} on ${table} met ${met === 'refused' ? met : `[${met.join(', ')}]`}`;
          if (command === 'insert') {
            for (const [whose, sql] of Object.entries(inserts)) {
              const met = await attempt(actor, org, sql);
              const isIn = met !== 'refused';
              if (isIn !== (mayDoIt && inReach.includes(whose))) found.push(say(met, ` of ${whose}`));
            }
            continue;
          }
          const met = await attempt(actor, org, statementOf(command, table, rights));
          const expected = mayDoIt ? (rights.readsOrg ? inReach : unnamed(inReach.length)) : 'refused';
          if (JSON.stringify(sorted(met)) !== JSON.stringify(sorted(expected))) found.push(say(met));
        }
      }
    }
    return found;
  }

  return {
    async breaches(table) {
      const found = await catalogBreaches(database);
      for (const one of table === undefined ? await orgTables(database) : [table])
        found.push(...(await breachesOfTable(one)));
      return found;
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.end()));
    },
  };
}

const NO_RIGHT = '42501';
const NOT_UNIQUE = '23505';

const unnamed = (count: number): string[] => Array.from({ length: count }, () => 'a row');
const sorted = (met: Met): Met => (met === 'refused' ? met : [...met].sort());

/** A role that nobody logs in as is taken on by the superuser. */
function urlOf(database: OwnDatabase, { login }: Actor): string {
  if (!login) return database.adminUrl;
  return {
    gateway: database.gatewayUrl,
    refreshWorker: database.refreshWorkerUrl,
    syncWorker: database.syncWorkerUrl,
    deliveryWorker: database.deliveryWorkerUrl,
  }[login];
}

/** What a role may do with a table, as far as the catalog's rights say. */
interface Rights {
  readonly commands: ReadonlySet<Command>;
  readonly readsOrg: boolean;
  /** A column that it may write, and whether it may read it. */
  readonly written: { readonly name: string; readonly isRead: boolean } | undefined;
}

async function rightsOf(database: OwnDatabase, actor: Actor, table: string): Promise<Rights> {
  const role = actor.login ? decodeURIComponent(new URL(urlOf(database, actor)).username) : actor.name;
  const [may] = await database.sql<Record<Command | 'org', boolean>>(
    `select has_any_column_privilege($1, $2::regclass, 'select') as select, has_any_column_privilege($1, $2::regclass, 'insert') as insert,
       has_any_column_privilege($1, $2::regclass, 'update') as update, has_table_privilege($1, $2::regclass, 'delete') as delete,
       has_column_privilege($1, $2::regclass, 'org_id', 'select') as org`,
    [role, `public.${table}`],
  );
  const [written] = await database.sql<{ name: string; isRead: boolean }>(
    `select attname as name, has_column_privilege($1, attrelid, attnum, 'select') as "isRead" from pg_attribute
     where attrelid = $2::regclass and attnum > 0 and not attisdropped and has_column_privilege($1, attrelid, attnum, 'update')
     order by 2 desc, attnum limit 1`,
    [role, `public.${table}`],
  );
  return {
    commands: new Set(COMMANDS.filter((command) => may?.[command])),
    readsOrg: may?.org ?? false,
    written,
  };
}

/** A statement that names no org: what it meets the policies decide. */
function statementOf(command: Exclude<Command, 'insert'>, table: string, { readsOrg, written }: Rights): string {
  const returning = readsOrg ? ' returning org_id' : '';
  if (command === 'select') return `select ${readsOrg ? 'org_id' : '1'} from public.${table}`;
  if (command === 'delete') return `delete from public.${table}${returning}`;
  const column = escapeIdentifier(written?.name ?? 'org_id');
  return `update public.${table} set ${column} = ${written && !written.isRead ? 'default' : column}${returning}`;
}

async function insertInto(
  database: OwnDatabase,
  table: string,
  org: string,
  which: 'first' | 'second',
): Promise<string> {
  const row = { ...(await sampleRow(database, table, which)), org_id: `'${org}'` };
  return `insert into public.${table} (${Object.keys(row).map(escapeIdentifier).join(', ')}) values (${Object.values(row).join(', ')})`;
}

async function orgTables(database: OwnDatabase): Promise<string[]> {
  const rows = await database.sql<{ name: string }>(`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`);
  return rows.map(({ name }) => name);
}

/** What the catalog must say, whoever comes. */
const GATES: readonly (readonly [breach: string, sql: string])[] = [
  [
    'does not enable and force row-level security',
    `select c.relname as name from pg_class c where c.relkind in ('r', 'p') and c.relnamespace in ('public'::regnamespace, 'hub'::regnamespace)
     and not (c.relrowsecurity and c.relforcerowsecurity)
     and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped)`,
  ],
  [
    'has no org, and is not known as a table that needs none',
    `select c.relname as name from pg_class c where c.relkind in ('r', 'p', 'f') and c.relnamespace in ('public'::regnamespace, 'hub'::regnamespace)
     and not c.relname = any (array[${TABLES_OF_NO_ORG.map((name) => `'${name}'`).join(', ')}])
     and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped)`,
  ],
  [
    'lets an app’s role see every row',
    `select policyname as name from pg_policies where (qual = 'true' or with_check = 'true')
     and not roles <@ array['hub_scanner']::name[]`,
  ],
  [
    'is a superuser, bypasses policies, or makes roles or databases',
    `select rolname as name from pg_roles where rolname like 'hub\\_%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)`,
  ],
  [
    'owns a table or may become its owner, or whoever a function runs as',
    `select login.rolname as name from pg_roles login, pg_roles above
     where login.rolname <> above.rolname and above.rolname in ('hub_owner', 'hub_scanner', 'hub_disconnector', 'hub_token_reader', 'hub_rotator', 'hub_eraser')
       and login.rolname in ('hub_gateway', 'hub_worker', 'hub_refresh_worker', 'hub_sync_worker', 'hub_delivery_worker', 'hub_auditor', 'hub_rotator',
         'hub_eraser', 'hub_gateway_test', 'hub_refresh_worker_test', 'hub_sync_worker_test', 'hub_delivery_worker_test')
       and pg_has_role(login.oid, above.oid, 'member')
     union select distinct c.relowner::regrole::text from pg_class c
     where c.relnamespace in ('public'::regnamespace, 'hub'::regnamespace) and c.relowner not in (select oid from pg_roles where rolname = 'hub_owner' or rolsuper)`,
  ],
  [
    'is no plain index: its operators may be asked of rows that a policy hides',
    `select c.relname as name from pg_index x join pg_class c on c.oid = x.indexrelid join pg_am am on am.oid = c.relam
     where c.relnamespace in ('public'::regnamespace, 'audit'::regnamespace) and am.amname <> 'btree'
     and exists (select from pg_attribute a where a.attrelid = x.indrelid and a.attname = 'org_id' and not a.attisdropped)`,
  ],
  [
    'tells by "duplicate key" what another org has: it is unique without the org, and not random',
    `select x.indexrelid::regclass::text as name from pg_index x join pg_class t on t.oid = x.indrelid
     where x.indisunique and t.relnamespace in ('public'::regnamespace, 'audit'::regnamespace)
     and exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'org_id' and not a.attisdropped)
     and exists (select from unnest(x.indkey) key (number) left join pg_attribute a on a.attrelid = t.oid and a.attnum = key.number
                 where coalesce(a.atttypid, 0) not in ('uuid'::regtype, 'bytea'::regtype))
     and not exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'org_id' and a.attnum = any (x.indkey))`,
  ],
  [
    'is a view with its owner’s rights',
    `select c.relname as name from pg_class c where c.relnamespace in ('public'::regnamespace, 'hub'::regnamespace)
     and (c.relkind = 'm' or c.relkind = 'v' and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false))`,
  ],
  [
    'runs with its definer’s rights without a fixed search path, or for everybody, or with those of an owner of tables',
    `select p.proname as name from pg_proc p where p.pronamespace in ('public'::regnamespace, 'hub'::regnamespace) and p.prosecdef
     and (p.proconfig is null or not p.proconfig && array['search_path=pg_catalog, public, pg_temp', 'search_path=pg_catalog, hub, public, pg_temp', 'search_path=pg_catalog, hub, pg_temp']
       or has_function_privilege('public', p.oid, 'execute')
       -- only the owner of the trail may make its partitions
       or p.proname <> 'ensure_audit_partitions' and p.proowner in (select oid from pg_roles where rolname = 'hub_owner' or rolsuper or rolbypassrls))`,
  ],
];

async function catalogBreaches(database: OwnDatabase): Promise<string[]> {
  const found: string[] = [];
  for (const [breach, sql] of GATES)
    for (const { name } of await database.sql<{ name: string }>(sql)) found.push(`${name} ${breach}`);
  return found;
}
