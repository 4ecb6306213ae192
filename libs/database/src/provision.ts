import { setTimeout as sleep } from 'node:timers/promises';
import { providerCatalog } from '@hub/providers';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { migrationDataSource, SERVER_TIMEOUTS } from './data-source';
import { saltOf, scramVerifier } from './scram';

/** A login that an app connects with. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Whose rights each app's login has. */
const ROLES_OF_LOGIN = {
  gateway: ['hub_gateway'],
  refreshWorker: ['hub_refresh_worker'],
  syncWorker: ['hub_sync_worker'],
  deliveryWorker: ['hub_delivery_worker'],
  /** One login for the refresh and the sync worker, as earlier releases had it. */
  worker: ['hub_refresh_worker', 'hub_sync_worker'],
} as const;

/** The apps that have a login of their own. */
export type AppLogin = Exclude<keyof typeof ROLES_OF_LOGIN, 'worker'>;

export interface ProvisionOptions {
  /**
   * A role that may create roles, and the database if it is missing. Once roles, database and logins are there, a member
   * of `hub_migrator` will do.
   */
  readonly adminUrl: string;
  /** Logins to make or to bring up to date; those that are absent the operator makes himself, as members of the roles. */
  readonly logins?: { readonly [name in keyof typeof ROLES_OF_LOGIN]?: Login };
}

/** Roles are rights, not logins: cluster-wide, without password. Logins are members of them, one set per database. */
export const ROLES = [
  'hub_owner',
  'hub_migrator',
  'hub_gateway',
  'hub_worker',
  'hub_refresh_worker',
  'hub_sync_worker',
  'hub_delivery_worker',
  'hub_scanner',
  'hub_disconnector',
  'hub_token_reader',
  'hub_auditor',
  'hub_rotator',
  'hub_eraser',
] as const;
/** Who has the rights of another role as well. */
const MEMBERSHIPS = [
  ['hub_migrator', 'hub_owner'],
  ['hub_refresh_worker', 'hub_worker'],
  ['hub_sync_worker', 'hub_worker'],
  ['hub_delivery_worker', 'hub_worker'],
  // the owner gives functions to those whose rights they run with
  ['hub_owner', 'hub_scanner'],
  ['hub_owner', 'hub_disconnector'],
  ['hub_owner', 'hub_token_reader'],
  ['hub_owner', 'hub_eraser'],
  ['hub_owner', 'hub_rotator'],
] as const;
/** `security_invoker`, column-wise grants and `hub.current_org()`'s body need this version. */
const OLDEST_SERVER = 150_000;
/** Two provisions at once would trip over each other's roles. */
const PROVISION_LOCK = 7_264_001;

const NO_RIGHT = '42501';
const NO_SUCH_DATABASE = '3D000';
const ALREADY_THERE = ['42P04', '23505'];
/** A role or a row of a shared catalog that somebody else has just written (duplicate, unique violation, tuple concurrently updated). */
const MADE_BY_ANOTHER = ['42710', '23505', 'XX000'];
const TURN_PAUSE_MS = 100;
const ROLE_TRIES = 10;
const ROLE_PAUSE_MS = 100;

/**
 * Brings a database to where this release needs it: database, roles, schema, catalog of providers, logins. Safe to run
 * again, and by several at once.
 *
 * @returns the names of the migrations that ran now
 * @throws Error whose message is one sentence for the operator, without any password
 */
export async function provisionDatabase({ adminUrl, logins }: ProvisionOptions): Promise<{ migrations: string[] }> {
  const admin = await connectOrCreate(adminUrl);
  try {
    await refusePooler(admin, adminUrl);
    await takeTurn(admin);
    await checkServer(admin);
    await makeRoles(admin);
    const migrations = await migrate(adminUrl);
    await admin.query('grant select on public.hub_migrations to hub_gateway, hub_worker'); // for the doctor
    await fillCatalog(admin);
    for (const name of keysOf(ROLES_OF_LOGIN)) {
      const login = logins?.[name];
      if (login) await makeLogin(admin, ROLES_OF_LOGIN[name], login);
    }
    return { migrations };
  } catch (error) {
    throw codeOf(error) === NO_RIGHT ? refusal(error, adminUrl) : error;
  } finally {
    await admin.end();
  }
}

async function connectOrCreate(adminUrl: string): Promise<Client> {
  try {
    return await connect(adminUrl);
  } catch (error) {
    if (codeOf(error) !== NO_SUCH_DATABASE) throw refusal(error, adminUrl);
    await createDatabase(adminUrl);
    return connect(adminUrl);
  }
}

async function connect(url: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'hub-provision',
  });
  await client.connect();
  return client;
}

async function createDatabase(adminUrl: string): Promise<void> {
  const url = new URL(adminUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  const client = await connect(url.href).catch((error: unknown) => Promise.reject(refusal(error, adminUrl)));
  try {
    await client.query(`create database ${escapeIdentifier(name)}`);
  } catch (error) {
    // another start made it a moment ago
    if (!ALREADY_THERE.includes(codeOf(error) ?? '')) throw refusal(error, adminUrl);
  } finally {
    await client.end();
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

/** One sentence for the operator; the URL's password is left out. */
function refusal(error: unknown, adminUrl: string): Error {
  const url = new URL(adminUrl);
  const { code, message } = error as { code?: string; message?: string };
  return new Error(
    `The database at ${url.host}${url.pathname} refuses the admin login: ${code ? `${code}, ` : ''}${message ?? 'unknown reason'}. Check DATABASE_ADMIN_URL (or DATABASE_URL).`,
    { cause: error },
  );
}

/**
 * A lock that a session holds, and the role that a session takes on at its start, belong to nobody behind a pooler that
 * hands connections round: migrations would run as somebody else than the tables' owner. A pooler shows by the process
 * that it names to its clients, which is not the server's.
 */
async function refusePooler(admin: Client, adminUrl: string): Promise<void> {
  const { rows } = await admin.query<{ pid: number }>('select pg_backend_pid() as pid');
  const { processID: toldPid } = admin as Client & { readonly processID?: number };
  if (rows[0]?.pid === toldPid) return;
  const { host, pathname } = new URL(adminUrl);
  throw new Error(
    `At ${host}${pathname} a pooler stands before PostgreSQL: migrations and logins need PostgreSQL itself. Set DATABASE_ADMIN_URL to its own address.`,
  );
}

async function checkServer(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ version: number; name: string }>(
    "select current_setting('server_version_num')::int as version, current_setting('server_version') as name",
  );
  const server = rows[0];
  if (!server || server.version < OLDEST_SERVER)
    throw new Error(`The hub needs PostgreSQL 15 or newer, this server is ${server?.name ?? 'unknown'}.`);
}

/** One provision of a database at a time. A statement that waits for the lock would hold up an index that is built concurrently for ever. */
async function takeTurn(admin: Client): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      PROVISION_LOCK,
    ]);
    if (rows[0]?.taken) return;
    await sleep(TURN_PAUSE_MS);
  }
}

/** Roles belong to the whole server, and no lock does: a provision of another database may be at them at the same moment. */
async function makeRoles(admin: Client): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await makeAndGrantRoles(admin);
    } catch (error) {
      if (tries === ROLE_TRIES || !MADE_BY_ANOTHER.includes(codeOf(error) ?? '')) throw error;
      await sleep(Math.random() * ROLE_PAUSE_MS);
    }
  }
}

/** Does what is missing and nothing else, so that a migrator, who may make no role, comes through where all is there. */
async function makeAndGrantRoles(admin: Client): Promise<void> {
  await doAll(admin, MISSING_ROLES, [ROLES]);
  await doAll(admin, MISSING_MEMBERSHIPS, [MEMBERSHIPS.map(([member]) => member), MEMBERSHIPS.map(([, of]) => of)]);
  await doAll(admin, MISSING_RIGHTS, [ROLES]);
  await doAll(admin, MISSING_RIGHTS_OF_WORKERS, []);
}

/** Runs the statements that a query answers with. */
async function doAll(admin: Client, query: string, parameters: unknown[]): Promise<void> {
  const { rows } = await admin.query<{ statement: string }>(query, parameters);
  for (const { statement } of rows) await admin.query(statement);
}

const MISSING_ROLES = `
  select format('create role %I nologin nosuperuser nobypassrls nocreaterole nocreatedb', name) as statement
  from unnest($1::text[]) as name where not exists (select from pg_roles where rolname = name)`;

// who is here migrates as the owner; whoever makes a role may give it, and has nothing of it yet
const MISSING_MEMBERSHIPS = `
  select format('grant %I to %I', of, member) as statement
  from (select * from unnest($1::text[], $2::text[]) as pair (member, of)
        union all select current_user, of from unnest(array['hub_owner', 'hub_scanner', 'hub_disconnector', 'hub_token_reader', 'hub_eraser', 'hub_rotator']) as of) as pairs
  where not pg_has_role(member, of, 'usage')`;

const MISSING_RIGHTS = `
  select 'grant usage, create on schema public to hub_owner' as statement
    where not (has_schema_privilege('hub_owner', 'public', 'usage') and has_schema_privilege('hub_owner', 'public', 'create'))
  union all select format('grant usage on schema public to %I', name) from unnest($1::text[]) as name
    where not has_schema_privilege(name, 'public', 'usage')
  union all select format('grant create, connect on database %I to hub_owner', current_database())
    where not (has_database_privilege('hub_owner', current_database(), 'create') and has_database_privilege('hub_owner', current_database(), 'connect'))`;

/** Logins that operators made for earlier releases, which knew one role of two workers: they go on with the rights of both. */
const MISSING_RIGHTS_OF_WORKERS = `
  select distinct format('grant %I to %I', of, member.rolname) as statement
  from unnest(array['hub_refresh_worker', 'hub_sync_worker']) as of, pg_auth_members membership
  join pg_roles member on member.oid = membership.member
  where membership.roleid = 'hub_worker'::regrole and not membership.admin_option
    and member.rolname not in ('hub_refresh_worker', 'hub_sync_worker', 'hub_delivery_worker') and not pg_has_role(member.oid, of, 'usage')`;

async function migrate(adminUrl: string): Promise<string[]> {
  const dataSource = await migrationDataSource(adminUrl).initialize();
  try {
    return (await dataSource.runMigrations({ transaction: 'each' })).map((migration) => migration.name);
  } finally {
    await dataSource.destroy();
  }
}

async function fillCatalog(admin: Client): Promise<void> {
  await admin.query(
    `insert into public.providers (id, label) select * from unnest($1::text[], $2::text[])
     on conflict (id) do update set label = excluded.label where providers.label <> excluded.label`,
    [providerCatalog.map((provider) => provider.id), providerCatalog.map((provider) => provider.label)],
  );
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(record) as Key[];
}

async function makeLogin(admin: Client, roles: readonly (typeof ROLES)[number][], login: Login): Promise<void> {
  const user = escapeIdentifier(login.user);
  await admin.query(`do $$ begin
    create role ${user} login nosuperuser nobypassrls nocreaterole nocreatedb inherit;
  exception when duplicate_object or unique_violation then null; end $$`);
  if (!(await hasPassword(admin, login)))
    await admin.query(`alter role ${user} login password ${escapeLiteral(scramVerifier(login.password))}`);
  for (const [name, ms] of Object.entries(SERVER_TIMEOUTS))
    await admin.query(`alter role ${user} set ${name} = '${ms}ms'`);
  await admin.query(`grant ${roles.join(', ')} to ${user}`);
  await admin.query(
    `do $$ begin execute format('grant connect on database %I to ${user.replaceAll("'", "''")}', current_database()); end $$`,
  );
}

/**
 * Whether the server keeps this very password already. A verifier that changes with each provision would keep out a pooler
 * that knows the one before.
 *
 * @returns false, too, if this administrator may not see what the server keeps
 */
async function hasPassword(admin: Client, { user, password }: Login): Promise<boolean> {
  try {
    const { rows } = await admin.query<{ kept: string | null }>(
      'select rolpassword as kept from pg_authid where rolname = $1',
      [user],
    );
    const kept = rows[0]?.kept ?? '';
    return kept !== '' && scramVerifier(password, saltOf(kept)) === kept;
  } catch (error) {
    if (codeOf(error) === NO_RIGHT) return false;
    throw error;
  }
}
