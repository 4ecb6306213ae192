import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Data keys that were retired long ago are deleted by an administrator, who comes as `hub_eraser`: no app's login can. */
export class DestroyRetiredKeys1795393440000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant delete on public.data_keys to hub_rotator;
      grant select (purpose, status_changed_at) on public.data_keys to hub_scanner;

      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      -- the org's keys that have been retired for so long: a row for each place in which one is still needed, else one without
      create function hub.retired_data_keys(p_older_than interval)
      returns table (id uuid, purpose text, retired_at timestamptz, place text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select k.id, k.purpose, k.status_changed_at, s.place, coalesce(s.cells, 0)
        from public.data_keys k left join hub.sealed_places() s on s.key_id = k.id::text
        where k.status = 'retired' and k.status_changed_at <= now() - p_older_than order by k.status_changed_at, k.id, s.place $$;

      -- false if there is no such key: somebody was faster, or it has not been retired for so long
      create function hub.destroy_data_key(p_id uuid) returns boolean
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        if exists (select from hub.cells_by_key() c where c.key_id = p_id::text) then
          raise exception 'the data key % is still needed', p_id using errcode = 'object_in_use';
        end if;
        delete from public.data_keys k
          where k.id = p_id and k.status = 'retired' and k.status_changed_at <= now() - interval '30 days';
        return found;
      end $$;
      revoke execute on function hub.retired_data_keys(interval), hub.destroy_data_key(uuid) from public;
      grant execute on function hub.retired_data_keys(interval), hub.destroy_data_key(uuid) to hub_eraser;

      set role hub_scanner;
      create function hub.orgs_with_retired_keys(p_older_than interval, p_after uuid, p_limit integer) returns setof uuid
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select distinct k.org_id from public.data_keys k
        where k.org_id > p_after and k.status = 'retired' and k.status_changed_at <= now() - p_older_than order by 1 limit p_limit $$;
      revoke execute on function hub.orgs_with_retired_keys(interval, uuid, integer) from public;
      grant execute on function hub.orgs_with_retired_keys(interval, uuid, integer) to hub_eraser;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.retired_data_keys(interval), hub.destroy_data_key(uuid), hub.orgs_with_retired_keys(interval, uuid, integer);
      revoke select (purpose, status_changed_at) on public.data_keys from hub_scanner;
      revoke delete on public.data_keys from hub_rotator;
    `);
  }
}
