import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A second data key for each org: it seals what the audit trail tells of people, and is never replaced, since the trail is insert-only. */
export class GiveDataKeysAPurpose1795392950000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table public.data_keys add column purpose text not null default 'tokens' check (purpose in ('tokens', 'audit'));
      drop index public.data_keys_active;
      create unique index data_keys_active on public.data_keys (org_id, purpose) where status = 'active';
      grant select (purpose) on public.data_keys to hub_gateway, hub_worker, hub_auditor;
      grant insert (purpose) on public.data_keys to hub_gateway, hub_refresh_worker;

      -- of one purpose; without an id the active one
      create function hub.read_data_key(p_org uuid, p_id uuid, p_purpose text)
      returns table (id uuid, key_provider text, wrapping_key_id text, wrapped_key text, status text)
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', p_org::text, true);
        if p_id is null then
          return query select k.id, k.key_provider, k.wrapping_key_id, k.wrapped_key, k.status
            from public.data_keys k where k.org_id = p_org and k.status = 'active' and k.purpose = p_purpose;
        else
          return query select k.id, k.key_provider, k.wrapping_key_id, k.wrapped_key, k.status
            from public.data_keys k where k.org_id = p_org and k.id = p_id and k.purpose = p_purpose;
        end if;
      end $$;
      revoke execute on function hub.read_data_key(uuid, uuid, text) from public;
      grant execute on function hub.read_data_key(uuid, uuid, text) to hub_gateway, hub_worker;

      -- apps of the release before ask without a purpose
      create or replace function hub.read_data_key(p_org uuid, p_id uuid)
      returns table (id uuid, key_provider text, wrapping_key_id text, wrapped_key text, status text)
      language sql set search_path = pg_catalog, public, pg_temp as $$
        select * from hub.read_data_key(p_org, p_id, 'tokens') $$;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create or replace function hub.read_data_key(p_org uuid, p_id uuid)
      returns table (id uuid, key_provider text, wrapping_key_id text, wrapped_key text, status text)
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', p_org::text, true);
        if p_id is null then
          return query select k.id, k.key_provider, k.wrapping_key_id, k.wrapped_key, k.status
            from public.data_keys k where k.org_id = p_org and k.status = 'active';
        else
          return query select k.id, k.key_provider, k.wrapping_key_id, k.wrapped_key, k.status
            from public.data_keys k where k.org_id = p_org and k.id = p_id;
        end if;
      end $$;
      drop function hub.read_data_key(uuid, uuid, text);
      delete from public.data_keys where purpose = 'audit';
      drop index public.data_keys_active;
      alter table public.data_keys drop column purpose;
      create unique index data_keys_active on public.data_keys (org_id) where status = 'active';
    `);
  }
}
