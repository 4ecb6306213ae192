import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a rotation has done in each layer, exactly, whoever died meanwhile; and a new key for the audit trail. */
export class CountWhatRotationsDo1795393430000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table public.key_rotations
        add column rewrapped_keys bigint not null default 0,
        -- since then every data key is wrapped anew
        add column rewrapped_at timestamptz;
      alter table public.key_rotations no force row level security;
      update public.key_rotations set rewrapped_at = replaced_at;
      alter table public.key_rotations force row level security;
      grant select (rewrapped_keys, rewrapped_at), update (rewrapped_keys, rewrapped_at) on public.key_rotations
        to hub_refresh_worker, hub_scanner;

      -- when a rotation has wrapped it anew: one that goes on leaves it alone
      alter table public.data_keys add column rewrapped_at timestamptz;
      grant select (rewrapped_at) on public.data_keys to hub_refresh_worker, hub_auditor, hub_rotator;
      grant update (rewrapped_at), insert (purpose) on public.data_keys to hub_rotator;

      drop function hub.rotation_progress(uuid);
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      create or replace function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k
          set key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key, rewrapped_at = now()
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded';
        return found;
      end $$;

      -- a new key seals what the org's trail tells of people from here on; the one before opens what it has sealed for as long as
      -- that is in the trail, which is insert-only. @returns the one before; null if the org has none, and then it needs none
      create function hub.replace_audit_key(p_id uuid, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns uuid language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_before uuid;
      begin
        update public.data_keys k set status = 'retiring', status_changed_at = now()
          where k.org_id = hub.current_org() and k.purpose = 'audit' and k.status = 'active' returning k.id into v_before;
        if v_before is not null then
          insert into public.data_keys (id, org_id, purpose, key_provider, wrapping_key_id, wrapped_key)
            values (p_id, hub.current_org(), 'audit', p_key_provider, p_wrapping_key_id, p_wrapped_key);
        end if;
        return v_before;
      end $$;
      revoke execute on function hub.replace_audit_key(uuid, text, text, text) from public;
      grant execute on function hub.replace_audit_key(uuid, text, text, text) to hub_refresh_worker;

      set role hub_scanner;
      create or replace function hub.request_rotations(p_org uuid, p_rewrap boolean, p_reseal boolean) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        ${requestRotations(
          `rewrapped_at = case when r.finished_at is null and not excluded.rewrap then r.rewrapped_at end,
            rewrapped_keys = case when r.finished_at is null then r.rewrapped_keys else 0 end,`,
        )} $$;

      create function hub.rotation_progress(p_org uuid)
      returns table (orgs bigint, waiting bigint, resealing bigint, retiring bigint, rewrapped_keys bigint, resealed_cells bigint,
                     unopened_cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*), count(*) filter (where r.finished_at is null and r.started_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is not null),
          coalesce(sum(r.rewrapped_keys), 0)::bigint, coalesce(sum(r.resealed_cells), 0)::bigint, coalesce(sum(r.unopened_cells), 0)::bigint
        from public.key_rotations r where p_org is null or r.org_id = p_org $$;
      revoke execute on function hub.rotation_progress(uuid) from public;
      grant execute on function hub.rotation_progress(uuid) to hub_refresh_worker;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.rotation_progress(uuid), hub.replace_audit_key(uuid, text, text, text);
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      create or replace function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k set key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded';
        return found;
      end $$;
      set role hub_scanner;
      create or replace function hub.request_rotations(p_org uuid, p_rewrap boolean, p_reseal boolean) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$ ${requestRotations('')} $$;
      create function hub.rotation_progress(p_org uuid)
      returns table (orgs bigint, waiting bigint, resealing bigint, retiring bigint, resealed_cells bigint, unopened_cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*), count(*) filter (where r.finished_at is null and r.started_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is not null),
          coalesce(sum(r.resealed_cells), 0)::bigint, coalesce(sum(r.unopened_cells), 0)::bigint
        from public.key_rotations r where p_org is null or r.org_id = p_org $$;
      revoke execute on function hub.rotation_progress(uuid) from public;
      grant execute on function hub.rotation_progress(uuid) to hub_refresh_worker;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
      revoke insert (purpose) on public.data_keys from hub_rotator;
      alter table public.data_keys drop column rewrapped_at;
      alter table public.key_rotations drop column rewrapped_keys, drop column rewrapped_at;
    `);
  }
}

/** @param counted what is kept of the wrapping layer by a rotation that is under way */
function requestRotations(counted: string): string {
  return `
        with requested as (
          insert into public.key_rotations as r (org_id, rewrap, reseal)
            select orgs.org_id, p_rewrap, p_reseal from (
              select k.org_id from public.data_keys k where k.status <> 'shredded'
              union select i.org_id from public.integrations i
              union select v.org_id from public.revocations v
            ) as orgs where p_org is null or orgs.org_id = p_org
          -- one that is under way goes on, with what is wished besides
          on conflict (org_id) do update set next_at = now(),
            rewrap = excluded.rewrap or (r.rewrap and r.finished_at is null),
            reseal = excluded.reseal or (r.reseal and r.finished_at is null),
            requested_at = now(),
            started_at = case when r.finished_at is null then r.started_at end,
            -- whoever asks again wants a key that is younger than the wish
            replaced_at = case when r.finished_at is null and not excluded.reseal then r.replaced_at end,
            resealed_at = case when r.finished_at is null and not excluded.reseal then r.resealed_at end,
            ${counted}
            resealed_cells = case when r.finished_at is null then r.resealed_cells else 0 end,
            unopened_cells = 0, finished_at = null
          returning 1
        ) select count(*) from requested`;
}
