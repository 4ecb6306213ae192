import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rotation of the keys, both layers: the wish and how far it has come are rows, so that whoever dies is followed by another. */
export class CreateKeyRotations1795392980000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table public.key_rotations (
        org_id uuid primary key,
        requested_at timestamptz not null default now(),
        -- wrap the org's data keys anew
        rewrap boolean not null,
        -- seal with a new data key, and what lies under others with that one
        reseal boolean not null,
        started_at timestamptz,
        -- since then the new data key seals
        replaced_at timestamptz,
        -- since then nothing that opens is under another one: what is left is that the old key retires
        resealed_at timestamptz,
        resealed_cells bigint not null default 0,
        -- of the last pass: values that do not open are left as they are
        unopened_cells bigint not null default 0,
        -- when a worker takes it up; while one is at it, when another may
        next_at timestamptz not null default now(),
        finished_at timestamptz
      );
      create index key_rotations_due on public.key_rotations (next_at) where finished_at is null;
      alter table public.key_rotations enable row level security;
      alter table public.key_rotations force row level security;
      create policy key_rotations_by_org on public.key_rotations to hub_refresh_worker, hub_auditor
        using (org_id = hub.current_org());
      create policy key_rotations_scan on public.key_rotations to hub_scanner using (true) with check (true);
      grant select (${ROTATION}) on public.key_rotations to hub_refresh_worker, hub_scanner;
      grant select on public.key_rotations to hub_auditor;
      grant update (started_at, replaced_at, resealed_at, resealed_cells, unopened_cells, next_at, finished_at) on public.key_rotations
        to hub_refresh_worker;
      grant insert (org_id, rewrap, reseal), update (${ROTATION}) on public.key_rotations to hub_scanner;

      create policy data_keys_scan on public.data_keys for select to hub_scanner using (true);
      grant select (org_id, key_provider, wrapping_key_id, status) on public.data_keys to hub_scanner;

      create policy data_keys_rotated on public.data_keys to hub_rotator
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      grant select (id, org_id, key_provider, wrapping_key_id, wrapped_key, status, status_changed_at),
            insert (id, org_id, key_provider, wrapping_key_id, wrapped_key),
            update (key_provider, wrapping_key_id, wrapped_key, status, status_changed_at) on public.data_keys to hub_rotator;
      create policy integrations_counted on public.integrations for select to hub_rotator using (org_id = hub.current_org());
      create policy flows_counted on public.flows for select to hub_rotator using (org_id = hub.current_org());
      create policy revocations_counted on public.revocations for select to hub_rotator using (org_id = hub.current_org());
      create policy token_inbox_counted on public.token_inbox for select to hub_rotator using (org_id = hub.current_org());
      grant select (org_id, access_token, refresh_token) on public.integrations, public.revocations, public.token_inbox to hub_rotator;
      grant select (org_id, expires_at, verifier, parked_code) on public.flows to hub_rotator;
      grant update (access_token, refresh_token) on public.token_inbox to hub_refresh_worker;

      -- how many sealed values of the org each key opens. What is left in a flow that is over opens nothing any more
      create function hub.cells_by_key() returns table (key_id text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select split_part(sealed, '.', 2), count(*) from (
          select unnest(array[i.access_token, i.refresh_token]) as sealed from public.integrations i
          union all select unnest(array[r.access_token, r.refresh_token]) from public.revocations r
          union all select unnest(array[t.access_token, t.refresh_token]) from public.token_inbox t
          union all select unnest(array[f.verifier, f.parked_code]) from public.flows f where f.expires_at > now()
        ) as cells where sealed is not null group by 1 $$;

      create function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k set key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded';
        return found;
      end $$;

      -- a new key seals from here on; false if another worker was faster
      create function hub.replace_data_key(p_before uuid, p_id uuid, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k set status = 'retiring', status_changed_at = now() where k.id = p_before and k.status = 'active';
        if not found then return false; end if;
        insert into public.data_keys (id, org_id, key_provider, wrapping_key_id, wrapped_key)
          values (p_id, hub.current_org(), p_key_provider, p_wrapping_key_id, p_wrapped_key);
        return true;
      end $$;

      -- whoever still had the old key at hand may have sealed with it for a while: only after that the count holds
      create function hub.retire_data_keys(p_after interval) returns setof uuid
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        update public.data_keys k set status = 'retired', status_changed_at = now()
          where k.status = 'retiring' and k.status_changed_at <= now() - p_after
            and k.id::text not in (select c.key_id from hub.cells_by_key() c)
          returning k.id $$;

      create function hub.refuse_needed_key() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', new.org_id::text, true);
        if exists (select from hub.cells_by_key() c where c.key_id = new.id::text) then
          raise exception 'the data key % is still needed', new.id using errcode = 'object_in_use';
        end if;
        return new;
      end $$;
      revoke execute on function hub.refuse_needed_key() from public;
      create trigger needed before update of status on public.data_keys
        for each row when (new.status = 'retired' and old.status <> 'retired') execute function hub.refuse_needed_key();

      create function hub.request_rotations(p_org uuid, p_rewrap boolean, p_reseal boolean) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
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
            resealed_cells = case when r.finished_at is null then r.resealed_cells else 0 end,
            unopened_cells = 0, finished_at = null
          returning 1
        ) select count(*) from requested $$;

      -- each is taken for a minute; whoever is at it says so again
      create function hub.take_rotations(p_limit integer) returns setof uuid
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        update public.key_rotations r set next_at = now() + interval '1 minute' where r.org_id in (
          select d.org_id from public.key_rotations d where d.finished_at is null and d.next_at <= now()
          order by d.next_at limit p_limit for update skip locked)
        returning r.org_id $$;

      create function hub.rotation_progress(p_org uuid)
      returns table (orgs bigint, waiting bigint, resealing bigint, retiring bigint, resealed_cells bigint, unopened_cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*), count(*) filter (where r.finished_at is null and r.started_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is null),
          count(*) filter (where r.finished_at is null and r.started_at is not null and r.resealed_at is not null),
          coalesce(sum(r.resealed_cells), 0)::bigint, coalesce(sum(r.unopened_cells), 0)::bigint
        from public.key_rotations r where p_org is null or r.org_id = p_org $$;

      create function hub.data_key_counts() returns table (key_provider text, wrapping_key_id text, status text, keys bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.key_provider, k.wrapping_key_id, k.status, count(*) from public.data_keys k group by 1, 2, 3 order by 1, 2, 3 $$;

      -- orgs that have sealed values or keys, in their order, behind one of them
      create function hub.sealed_orgs(p_after uuid, p_limit integer) returns setof uuid
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.org_id from public.data_keys k where k.org_id > p_after
        union select i.org_id from public.integrations i where i.org_id > p_after
        union select v.org_id from public.revocations v where v.org_id > p_after
        order by 1 limit p_limit $$;

      grant create on schema hub to hub_scanner, hub_rotator;
      alter function hub.cells_by_key() owner to hub_rotator;
      alter function hub.rewrap_data_key(uuid, text, text, text, text) owner to hub_rotator;
      alter function hub.replace_data_key(uuid, uuid, text, text, text) owner to hub_rotator;
      alter function hub.retire_data_keys(interval) owner to hub_rotator;
      alter function hub.refuse_needed_key() owner to hub_rotator;
      alter function hub.request_rotations(uuid, boolean, boolean) owner to hub_scanner;
      alter function hub.take_rotations(integer) owner to hub_scanner;
      alter function hub.rotation_progress(uuid) owner to hub_scanner;
      alter function hub.data_key_counts() owner to hub_scanner;
      alter function hub.sealed_orgs(uuid, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner, hub_rotator;
    `);
    await runner.query(`
      set role hub_rotator;
      revoke execute on function ${OF_ROTATOR} from public;
      grant execute on function ${OF_ROTATOR} to hub_refresh_worker;
      set role hub_scanner;
      revoke execute on function ${OF_SCANNER} from public;
      grant execute on function ${OF_SCANNER} to hub_refresh_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger needed on public.data_keys;
      drop function hub.refuse_needed_key(), ${OF_ROTATOR}, ${OF_SCANNER};
      revoke update (access_token, refresh_token) on public.token_inbox from hub_refresh_worker;
      drop policy token_inbox_counted on public.token_inbox;
      drop policy revocations_counted on public.revocations;
      drop policy flows_counted on public.flows;
      drop policy integrations_counted on public.integrations;
      drop policy data_keys_rotated on public.data_keys;
      drop policy data_keys_scan on public.data_keys;
      revoke all on public.data_keys, public.integrations, public.flows, public.revocations, public.token_inbox from hub_rotator;
      revoke all on public.data_keys from hub_scanner;
      drop table public.key_rotations;
    `);
  }
}

const ROTATION = `org_id, requested_at, rewrap, reseal, started_at, replaced_at, resealed_at, resealed_cells,
  unopened_cells, next_at, finished_at`;
const OF_ROTATOR = `hub.cells_by_key(), hub.rewrap_data_key(uuid, text, text, text, text),
  hub.replace_data_key(uuid, uuid, text, text, text), hub.retire_data_keys(interval)`;
const OF_SCANNER = `hub.request_rotations(uuid, boolean, boolean), hub.take_rotations(integer), hub.rotation_progress(uuid),
  hub.data_key_counts(), hub.sealed_orgs(uuid, integer)`;
