import { DELIVERY_SOURCES, DELIVERY_STATES, FLOW_COMPLETIONS, FLOW_STATUSES, STATUSES } from '@hub/domain';
import type { DataSource } from 'typeorm';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { migrationDataSource } from './data-source';
import { ENTITIES } from './entities';
import { MIGRATIONS } from './migrations';
import { provisionDatabase } from './provision';

describe('the schema', () => {
  let database: OwnDatabase;
  let owner: DataSource;

  beforeAll(async () => {
    database = await cloneDatabase();
    owner = await migrationDataSource(database.adminUrl).initialize();
  });
  afterAll(async () => {
    await owner.destroy();
    await database.drop();
  });

  it('is what the entities say, names of constraints included', async () => {
    const { upQueries } = await owner.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it.each([
    ['integrations_status_check', STATUSES],
    ['flows_status_check', FLOW_STATUSES],
    ['flows_completion_check', FLOW_COMPLETIONS],
    ['deliveries_state_check', DELIVERY_STATES],
    ['deliveries_source_check', DELIVERY_SOURCES],
  ])('checks the very words of the domain by %s', async (name, words) => {
    const [check] = await database.sql<{ text: string }>(
      'select pg_get_constraintdef(oid) as text from pg_constraint where conname = $1',
      [name],
    );
    expect([...(check?.text.matchAll(/'(\w+)'/g) ?? [])].map(([, word]) => word)).toEqual(words);
  });

  it('has an entity for every table', async () => {
    const tables = await database.sql<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
    );
    const known = ENTITIES.map((entity) => owner.getMetadata(entity).tableName);
    expect(tables.map(({ name }) => name)).toEqual([...known, 'hub_migrations'].sort());
  });

  it('has the mission’s columns of integrations, with their types and defaults', async () => {
    const columns = await database.sql<{ name: string; type: string; nullable: boolean; fallback: string | null }>(`
      select column_name as name, data_type as type, is_nullable = 'YES' as nullable, column_default as fallback
      from information_schema.columns where table_name = 'integrations' order by ordinal_position limit 12`);
    expect(columns).toEqual([
      { name: 'id', type: 'uuid', nullable: false, fallback: 'gen_random_uuid()' },
      { name: 'org_id', type: 'uuid', nullable: false, fallback: null },
      { name: 'provider', type: 'text', nullable: false, fallback: null },
      { name: 'access_token', type: 'text', nullable: false, fallback: null },
      { name: 'refresh_token', type: 'text', nullable: true, fallback: null },
      { name: 'scope', type: 'text', nullable: true, fallback: null },
      { name: 'expires_at', type: 'timestamp with time zone', nullable: true, fallback: null },
      { name: 'status', type: 'text', nullable: false, fallback: "'connected'::text" },
      { name: 'last_sync_at', type: 'timestamp with time zone', nullable: true, fallback: null },
      { name: 'metadata', type: 'jsonb', nullable: false, fallback: "'{}'::jsonb" },
      { name: 'created_at', type: 'timestamp with time zone', nullable: false, fallback: 'now()' },
      { name: 'updated_at', type: 'timestamp with time zone', nullable: false, fallback: 'now()' },
    ]);
  });

  it('takes a new provider as a row, without a migration', async () => {
    const store = () =>
      database.sql(
        "insert into public.integrations (org_id, provider, access_token) values (gen_random_uuid(), 'new', 'x')",
      );
    await expect(store()).rejects.toMatchObject({ code: '23503' });
    await database.sql("insert into public.providers values ('new', 'New')");
    await store();
    await database.sql("delete from public.integrations where provider = 'new'");
    await database.sql("delete from public.providers where id = 'new'");
  });

  it('guards every partition of the trail, which nobody but the owner reaches past its table', async () => {
    const partitions = await database.sql<{ name: string; guarded: boolean; insert_only: boolean; open: boolean }>(`
      select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as guarded,
        exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'insert_only' and t.tgenabled = 'O') as insert_only,
        exists (select from unnest(array['hub_gateway', 'hub_worker', 'hub_auditor', 'hub_scanner', 'hub_disconnector', 'hub_refresh_worker', 'hub_sync_worker', 'hub_delivery_worker']) role
                where has_table_privilege(role, c.oid, 'select, insert, update, delete, truncate')) as open
      from pg_inherits join pg_class c on c.oid = inhrelid join pg_class p on p.oid = inhparent and p.relkind = 'p' order by 1`);
    expect(partitions.length).toBeGreaterThanOrEqual(5);
    expect(partitions.filter((one) => !one.guarded || !one.insert_only || one.open)).toEqual([]);
  });

  it('has no function of schema hub that everybody may call, but the two that see no row', async () => {
    const open = await database.sql<{ name: string }>(`
      select proname as name from pg_proc where pronamespace = 'hub'::regnamespace and has_function_privilege('public', oid, 'execute')
      order by 1`);
    expect(open.map(({ name }) => name)).toEqual(['current_org', 'refuse_rewriting']);
  });

  it('can be taken back migration by migration, and built again', async () => {
    for (const _ of MIGRATIONS) await owner.undoLastMigration({ transaction: 'each' });
    const left = await database.sql(
      "select table_name from information_schema.tables where table_schema = 'public' and table_name <> 'hub_migrations'",
    );
    expect(left).toEqual([]);
    expect(await database.sql("select from pg_namespace where nspname in ('hub', 'audit')")).toEqual([]);
    const { migrations } = await provisionDatabase({ adminUrl: database.adminUrl });
    expect(migrations).toEqual(MIGRATIONS.map(({ name }) => name));
    const { upQueries } = await owner.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });
});
