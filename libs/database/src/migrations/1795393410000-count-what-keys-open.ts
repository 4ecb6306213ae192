import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many values each key opens, and in which columns: what the audit trail tells of people counts too. */
export class CountWhatKeysOpen1795393410000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create policy audit_events_counted on public.audit_events for select to hub_rotator using (org_id = hub.current_org());
      grant select (org_id, detail) on public.audit_events to hub_rotator;
      grant select (purpose) on public.data_keys to hub_rotator;
      drop function hub.data_key_counts();

      -- how many sealed values of the org each key opens, and where. What is left in a flow that is over opens nothing any more
      create function hub.sealed_places() returns table (key_id text, place text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$ ${SEALED_PLACES} $$;

      -- the keys of several orgs: a row for each place of each key, one for a key that opens nothing, and rows without a data key
      -- for values whose key is none. The orgs are looked at one by one, so that the policies hold
      create function hub.key_uses(p_orgs uuid[])
      returns table (org_id uuid, data_key uuid, purpose text, status text, key_provider text, wrapping_key_id text,
                     sealed_by text, place text, cells bigint)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      #variable_conflict use_column
      declare
        v_before text := current_setting('hub.org_id', true);
        v_org uuid;
      begin
        foreach v_org in array p_orgs loop
          perform set_config('hub.org_id', v_org::text, true);
          return query
            select v_org, k.id, k.purpose, k.status, k.key_provider, k.wrapping_key_id, s.key_id, s.place, coalesce(s.cells, 0)
            from (select d.id, d.purpose, d.status, d.key_provider, d.wrapping_key_id from public.data_keys d where d.org_id = v_org) k
            full join (${SEALED_PLACES}) as s (key_id, place, cells) on s.key_id = k.id::text;
        end loop;
        perform set_config('hub.org_id', coalesce(v_before, ''), true);
      end $$;

      grant create on schema hub to hub_rotator, hub_scanner;
      alter function hub.sealed_places() owner to hub_rotator;
      alter function hub.key_uses(uuid[]) owner to hub_rotator;
    `);
    await runner.query(`
      set role hub_rotator;
      revoke execute on function hub.sealed_places(), hub.key_uses(uuid[]) from public;
      grant execute on function hub.sealed_places(), hub.key_uses(uuid[]) to hub_refresh_worker;
      create or replace function hub.cells_by_key() returns table (key_id text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select s.key_id, sum(s.cells)::bigint from hub.sealed_places() s group by 1 $$;
      set role hub_scanner;
      -- each table gives a page at most, in the order of its index
      create or replace function hub.sealed_orgs(p_after uuid, p_limit integer) returns setof uuid
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        (select distinct k.org_id from public.data_keys k where k.org_id > p_after order by 1 limit p_limit)
        union (select distinct i.org_id from public.integrations i where i.org_id > p_after order by 1 limit p_limit)
        union (select distinct v.org_id from public.revocations v where v.org_id > p_after order by 1 limit p_limit)
        order by 1 limit p_limit $$;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      create or replace function hub.cells_by_key() returns table (key_id text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select split_part(sealed, '.', 2), count(*) from (
          select unnest(array[i.access_token, i.refresh_token]) as sealed from public.integrations i
          union all select unnest(array[r.access_token, r.refresh_token]) from public.revocations r
          union all select unnest(array[t.access_token, t.refresh_token]) from public.token_inbox t
          union all select unnest(array[f.verifier, f.parked_code]) from public.flows f where f.expires_at > now()
        ) as cells where sealed is not null group by 1 $$;
      set role hub_scanner;
      create or replace function hub.sealed_orgs(p_after uuid, p_limit integer) returns setof uuid
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.org_id from public.data_keys k where k.org_id > p_after
        union select i.org_id from public.integrations i where i.org_id > p_after
        union select v.org_id from public.revocations v where v.org_id > p_after
        order by 1 limit p_limit $$;
      create function hub.data_key_counts() returns table (key_provider text, wrapping_key_id text, status text, keys bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.key_provider, k.wrapping_key_id, k.status, count(*) from public.data_keys k group by 1, 2, 3 order by 1, 2, 3 $$;
      revoke execute on function hub.data_key_counts() from public;
      grant execute on function hub.data_key_counts() to hub_refresh_worker;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
      drop function hub.sealed_places(), hub.key_uses(uuid[]);
      revoke select (purpose) on public.data_keys from hub_rotator;
      revoke select (org_id, detail) on public.audit_events from hub_rotator;
      drop policy audit_events_counted on public.audit_events;
    `);
  }
}

/** The sealed values of the org that is set, as the key that each names, its table and column, and how many there are. */
const SEALED_PLACES = `
        select split_part(c.sealed, '.', 2), c.place, count(*) from (
          select v.place, v.sealed from public.integrations i
            cross join lateral (values ('integrations.access_token', i.access_token), ('integrations.refresh_token', i.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.revocations r
            cross join lateral (values ('revocations.access_token', r.access_token), ('revocations.refresh_token', r.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.token_inbox t
            cross join lateral (values ('token_inbox.access_token', t.access_token), ('token_inbox.refresh_token', t.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.flows f
            cross join lateral (values ('flows.verifier', f.verifier), ('flows.parked_code', f.parked_code)) v (place, sealed)
            where f.expires_at > now()
          -- as in the index audit_events_sealed
          union all select 'audit_events.detail', d.sealed #>> '{}' from public.audit_events e
            cross join lateral jsonb_path_query(e.detail, '$.*.sealed') d (sealed) where jsonb_path_exists(e.detail, '$.*.sealed')
        ) c where c.sealed is not null group by 1, 2`;
