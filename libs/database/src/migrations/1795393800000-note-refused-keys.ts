import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A data key that its key provider refuses is noted and named: the rotation of its org goes on without it. */
export class NoteRefusedKeys1795393800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- since then its key provider refuses to unwrap it, as far as a rotation has tried
      alter table public.data_keys add column refused_at timestamptz;
      create index data_keys_refused on public.data_keys (org_id) where refused_at is not null;
      grant select (refused_at), update (refused_at) on public.data_keys to hub_rotator;
      grant select (refused_at) on public.data_keys to hub_refresh_worker, hub_auditor;
      grant select (id, refused_at) on public.data_keys to hub_scanner;

      drop function hub.rotation_progress(uuid);
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      ${rewrapDataKey(', refused_at = null')}

      create function hub.note_refused_data_key(p_id uuid) returns void
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        update public.data_keys k set refused_at = coalesce(k.refused_at, now()) where k.id = p_id and k.status <> 'shredded' $$;
      revoke execute on function hub.note_refused_data_key(uuid) from public;
      grant execute on function hub.note_refused_data_key(uuid) to hub_refresh_worker;

      set role hub_scanner;
      create function hub.refused_data_keys(p_org uuid, p_limit integer)
      returns table (org_id uuid, id uuid, purpose text, status text, key_provider text, wrapping_key_id text, refused_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.org_id, k.id, k.purpose, k.status, k.key_provider, k.wrapping_key_id, k.refused_at
        from public.data_keys k where k.refused_at is not null and k.status <> 'shredded' and (p_org is null or k.org_id = p_org)
        order by k.refused_at, k.id limit p_limit $$;
      create function hub.rotation_progress(p_org uuid)
      returns table (orgs bigint, waiting bigint, resealing bigint, retiring bigint, rewrapped_keys bigint, resealed_cells bigint,
                     unopened_cells bigint, refused_keys bigint, attended bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*), count(*) filter (where r.finished_at is null and r.started_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is not null),
          coalesce(sum(r.rewrapped_keys), 0)::bigint, coalesce(sum(r.resealed_cells), 0)::bigint, coalesce(sum(r.unopened_cells), 0)::bigint,
          (select count(*) from public.data_keys k
            where k.refused_at is not null and k.status <> 'shredded' and (p_org is null or k.org_id = p_org)),
          -- a worker has taken them up, or put them off
          count(*) filter (where r.finished_at is null and r.resealed_at is null and r.next_at > now())
        from public.key_rotations r where p_org is null or r.org_id = p_org $$;
      revoke execute on function hub.refused_data_keys(uuid, integer), hub.rotation_progress(uuid) from public;
      grant execute on function hub.refused_data_keys(uuid, integer), hub.rotation_progress(uuid) to hub_refresh_worker;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.rotation_progress(uuid), hub.refused_data_keys(uuid, integer), hub.note_refused_data_key(uuid);
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      ${rewrapDataKey('')}
      set role hub_scanner;
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
      revoke select (id) on public.data_keys from hub_scanner;
      alter table public.data_keys drop column refused_at;
    `);
  }
}

/** @param besides what else is written with a new wrapping */
function rewrapDataKey(besides: string): string {
  return `
      create or replace function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k
          set key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key, rewrapped_at = now()${besides}
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded';
        return found;
      end $$;`;
}
