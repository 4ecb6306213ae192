import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The keys that seal: one for each org, wrapped by a key provider. */
export class CreateDataKeys1795392700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- sealed values name their key by its id; no key in the clear is ever here
      create table public.data_keys (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        key_provider text not null,
        -- which of the provider's keys wraps it
        wrapping_key_id text not null,
        wrapped_key text not null,
        -- active: it seals; retiring: what it has sealed is being sealed anew; retired: nothing needs it any more
        status text not null default 'active' check (status in ('active', 'retiring', 'retired')),
        created_at timestamptz not null default now(),
        status_changed_at timestamptz not null default now()
      );
      create unique index data_keys_active on public.data_keys (org_id) where status = 'active';
      alter table public.data_keys enable row level security;
      alter table public.data_keys force row level security;
      create policy data_keys_by_org on public.data_keys to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select, insert on public.data_keys to hub_gateway, hub_worker;
      grant select (id, org_id, key_provider, wrapping_key_id, status, created_at, status_changed_at)
        on public.data_keys to hub_auditor;

      -- the org is set and its key is read in one round trip, under the caller's own rights; without an id its active one
      create function hub.read_data_key(p_org uuid, p_id uuid)
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
      revoke execute on function hub.read_data_key(uuid, uuid) from public;
      grant execute on function hub.read_data_key(uuid, uuid) to hub_gateway, hub_worker;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.read_data_key(uuid, uuid);
      drop table public.data_keys;
    `);
  }
}
