import { setTimeout as sleep } from 'node:timers/promises';
import { providerCatalog } from '@hub/providers';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { migrationDataSource } from './data-source';
import { scramVerifier } from './scram';

/** A login that an app connects with. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface ProvisionOptions {
  /** A role that may create roles, and the database if it is missing. */
  readonly adminUrl: string;
  /** Logins to make or to bring up to date; absent: the operator makes members of `hub_gateway` and `hub_worker` himself. */
  readonly logins?: { readonly gateway: Login; readonly worker: Login };
}

/** Roles are rights, not logins: cluster-wide, without password. Logins are members of them, one set per database. */
const ROLES = ['hub_owner', 'hub_gateway', 'hub_worker', 'hub_scanner', 'hub_disconnector', 'hub_auditor'] as const;
/** `security_invoker`, column-wise grants and `hub.current_org()`'s body need this version. */
const OLDEST_SERVER = 150_000;
/** Two provisions at once would trip over each other's roles. */
const PROVISION_LOCK = 7_264_001;

const NO_RIGHT = '42501';
const NO_SUCH_DATABASE = '3D000';
const ALREADY_THERE = ['42P04', '23505'];
/** A row of a shared catalog that somebody else has just written (unique violation, tuple concurrently updated). */
const MADE_BY_ANOTHER = ['23505', 'XX000'];
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
    await takeTurn(admin);
    await checkServer(admin);
    await makeRoles(admin);
    const migrations = await migrate(adminUrl);
    await admin.query('grant select on public.hub_migrations to hub_gateway, hub_worker'); // for the doctor
    await fillCatalog(admin);
    if (logins) {
      await makeLogin(admin, 'hub_gateway', logins.gateway);
      await makeLogin(admin, 'hub_worker', logins.worker);
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

async function makeAndGrantRoles(admin: Client): Promise<void> {
  for (const role of ROLES) {
    await admin.query(`do $$ begin
      create role ${role} nologin nosuperuser nobypassrls nocreaterole nocreatedb;
    exception when duplicate_object or unique_violation then null; end $$`);
  }
  await admin.query(`
    grant hub_owner, hub_scanner, hub_disconnector to current_user;
    grant hub_scanner, hub_disconnector to hub_owner;
    grant usage, create on schema public to hub_owner;
    grant usage on schema public to hub_gateway, hub_worker, hub_scanner, hub_disconnector, hub_auditor;
    do $$ begin execute format('grant create, connect on database %I to hub_owner', current_database()); end $$;
  `);
}

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

async function makeLogin(admin: Client, role: (typeof ROLES)[number], login: Login): Promise<void> {
  const user = escapeIdentifier(login.user);
  await admin.query(`do $$ begin
    create role ${user} login nosuperuser nobypassrls nocreaterole nocreatedb inherit;
  exception when duplicate_object or unique_violation then null; end $$`);
  await admin.query(`alter role ${user} login password ${escapeLiteral(scramVerifier(login.password))}`);
  await admin.query(`grant ${role} to ${user}`);
  await admin.query(
    `do $$ begin execute format('grant connect on database %I to ${user.replaceAll("'", "''")}', current_database()); end $$`,
  );
}
