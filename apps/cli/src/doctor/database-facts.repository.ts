import { setTimeout as sleep } from 'node:timers/promises';
import { DueNotices, DueRepository, type HubDatabase } from '@hub/database';
import type { OrgId } from '@hub/domain';

/** A table that holds rows of orgs. */
export interface OrgTable {
  readonly name: string;
  readonly enabled: boolean;
  readonly forced: boolean;
}

/** A server that follows this one. */
export interface Standby {
  readonly name: string;
  /** `null`: this login may not see it. */
  readonly syncState: 'async' | 'potential' | 'sync' | 'quorum' | null;
}

/** What the login of `DATABASE_URL` can see of its server. */
export interface DatabaseFacts {
  readonly version: string;
  /** As PostgreSQL counts: 150004 is 15.4. */
  readonly versionNumber: number;
  readonly database: string;
  readonly isReadOnly: boolean;
  readonly synchronousCommit: string;
  readonly fsync: string;
  readonly login: {
    readonly name: string;
    readonly isSuperuser: boolean;
    readonly bypassesPolicies: boolean;
    readonly ownsTables: boolean;
    /** The roles of apps whose rights it has. */
    readonly appRoles: readonly string[];
  };
  readonly orgTables: readonly OrgTable[];
  /** `null`: the login may not read which migrations ran. */
  readonly migrations: readonly string[] | null;
  readonly standbys: readonly Standby[];
  /** After so many milliseconds the server ends a statement, and a transaction in which nothing comes; 0: never. */
  readonly endsAfterMs: { readonly statement: number; readonly idleTransaction: number };
  /** How the line to it is encrypted, such as `TLSv1.3`; `null`: it is not. */
  readonly tls: string | null;
  /** Milliseconds by which the database's clock is ahead of ours. */
  readonly clockAheadMs: number;
}

/** How many sealed values need a key of TOKEN_KEYS, or a data key that is gone; `null`: what is no sealed value at all. */
export interface KeyUse {
  readonly keyId: string | null;
  readonly values: number;
}

/** So many integrations are looked at for the keys that seal them. */
const SAMPLE = 1_000;
const A_CENTURY_MS = 100 * 365 * 86_400_000;
const NO_RIGHT = '42501';
/** More than a connection and its trial take. */
const HEARD_WITHIN_MS = 15_000;

/** The key provider whose keys are those of TOKEN_KEYS. */
const LOCAL_KEYS = 'local';

const SEALED_COLUMNS = `
  select access_token as sealed from public.integrations union all select refresh_token from public.integrations
  union all select access_token from public.token_inbox union all select refresh_token from public.token_inbox
  union all select access_token from public.revocations union all select refresh_token from public.revocations`;

/** The doctor's look at PostgreSQL: catalogs that every login may read, and what the policies let through. */
export class DatabaseFactsRepository {
  constructor(private readonly database: HubDatabase) {}

  async read(): Promise<DatabaseFacts> {
    const [server] = await this.ask<[ServerRow]>(`
      select current_setting('server_version') as version, current_setting('server_version_num')::int as version_number,
        current_database() as database, pg_is_in_recovery() as is_read_only, current_setting('fsync') as fsync,
        current_setting('synchronous_commit') as synchronous_commit,
        (select setting::int from pg_settings where name = 'statement_timeout') as statement_ms,
        (select setting::int from pg_settings where name = 'idle_in_transaction_session_timeout') as idle_transaction_ms`);
    const [login] = await this.ask<[LoginRow]>(`
      select rolname as name, rolsuper as is_superuser, rolbypassrls as bypasses_policies,
        exists (select from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
                and pg_has_role(current_user, relowner, 'member')) as owns_tables,
        array(select app.rolname::text from pg_roles app where app.rolname in ('hub_gateway', 'hub_refresh_worker', 'hub_sync_worker', 'hub_delivery_worker')
              and pg_has_role(current_user, app.oid, 'usage') order by 1) as app_roles
      from pg_roles where rolname = current_user`);
    return {
      version: server.version,
      versionNumber: server.version_number,
      database: server.database,
      isReadOnly: server.is_read_only,
      synchronousCommit: server.synchronous_commit,
      fsync: server.fsync,
      login: {
        name: login.name,
        isSuperuser: login.is_superuser,
        bypassesPolicies: login.bypasses_policies,
        ownsTables: login.owns_tables,
        appRoles: login.app_roles,
      },
      orgTables: await this.orgTables(),
      migrations: await this.migrations(),
      standbys: await this.standbys(),
      endsAfterMs: { statement: server.statement_ms, idleTransaction: server.idle_transaction_ms },
      tls: await this.tls(),
      clockAheadMs: await this.clockAheadMs(),
    };
  }

  /** That there are standbys every login may see; how they stand only members of pg_read_all_stats. */
  private standbys(): Promise<Standby[]> {
    return this.ask(`
      select coalesce(nullif(application_name, ''), 'unnamed') as name, sync_state as "syncState" from pg_stat_replication
      order by 1`);
  }

  private orgTables(): Promise<OrgTable[]> {
    return this.ask(`
      select relname as name, relrowsecurity as enabled, relforcerowsecurity as forced from pg_class
      where relnamespace in (select oid from pg_namespace where nspname in ('public', 'audit')) and relkind in ('r', 'p')
        and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'org_id' and not attisdropped)
      order by relname`);
  }

  private async migrations(): Promise<string[] | null> {
    const [{ exists }] = await this.ask<[{ exists: boolean }]>(
      "select to_regclass('public.hub_migrations') is not null as exists",
    );
    if (!exists) return [];
    return unlessRefused(async () => {
      const rows = await this.ask<{ name: string }[]>('select name from public.hub_migrations order by id');
      return rows.map(({ name }) => name);
    });
  }

  private async tls(): Promise<string | null> {
    const [line] = await this.ask<{ version: string | null }[]>(
      'select case when ssl then version end as version from pg_stat_ssl where pid = pg_backend_pid()',
    );
    return line?.version ?? null;
  }

  /** Half of the round trip is taken for the way there. */
  private async clockAheadMs(): Promise<number> {
    const before = Date.now();
    const [{ at }] = await this.ask<[{ at: Date }]>('select clock_timestamp() as at');
    return at.getTime() - (before + Date.now()) / 2;
  }

  /** Whether whoever listens by this URL hears what others notice. */
  async hearsNotices(noticesUrl: string): Promise<boolean> {
    const notices = new DueNotices(noticesUrl, 'hub-cli-notices', this.database);
    const tried = new Promise<boolean>((resolve) => notices.whenTried(resolve));
    try {
      notices.listen(() => undefined);
      return await Promise.race([tried, sleep(HEARD_WITHIN_MS, false, { ref: false })]);
    } finally {
      await notices.close();
    }
  }

  /** Which keys seal what the refresh worker's login may see, org by org; `null` if this login may not see it. */
  keyUses(): Promise<KeyUse[] | null> {
    return unlessRefused(() => this.keyUsesOfOrgs());
  }

  private async keyUsesOfOrgs(): Promise<KeyUse[]> {
    const due = await new DueRepository(this.database).due('sync', A_CENTURY_MS, SAMPLE);
    const values = new Map<string | null, number>();
    for (const orgId of new Set(due.map((work) => work.orgId)))
      for (const use of await this.keyUsesOf(orgId)) values.set(use.keyId, (values.get(use.keyId) ?? 0) + use.values);
    return [...values].map(([keyId, count]) => ({ keyId, values: count }));
  }

  /** What is sealed in the audit trail counts once for each of its keys. */
  private keyUsesOf(orgId: OrgId): Promise<KeyUse[]> {
    return this.database.withOrg(orgId, (manager) =>
      manager.query<KeyUse[]>(`
        select coalesce(data_key.wrapping_key_id, cell.key_id) as "keyId", count(*)::int as values
        from (select case when sealed like 'hub1.%.%' then split_part(sealed, '.', 2) end as key_id
              from (${SEALED_COLUMNS}) as columns where sealed is not null
              union all select id::text from public.data_keys where purpose = 'audit' and wrapped_key <> '') as cell
        left join public.data_keys data_key on data_key.id::text = cell.key_id
        where data_key.key_provider is null or data_key.key_provider = '${LOCAL_KEYS}' group by 1`),
    );
  }

  private ask<T>(sql: string): Promise<T> {
    return this.database.asSystem('doctor: catalogs and settings of the server', (manager) => manager.query<T>(sql));
  }
}

interface ServerRow {
  version: string;
  version_number: number;
  database: string;
  is_read_only: boolean;
  fsync: string;
  synchronous_commit: string;
  statement_ms: number;
  idle_transaction_ms: number;
}

interface LoginRow {
  name: string;
  is_superuser: boolean;
  bypasses_policies: boolean;
  owns_tables: boolean;
  app_roles: string[];
}

async function unlessRefused<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if ((error as { code?: string }).code === NO_RIGHT) return null;
    throw error;
  }
}
