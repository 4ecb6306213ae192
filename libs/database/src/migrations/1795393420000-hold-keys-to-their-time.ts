import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A data key retires once nothing has been sealed with it for ten minutes, and the database says when that is. */
export class HoldKeysToTheirTime1795393420000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- of a retiring key: since then nothing is sealed with it, as far as anybody has looked
      alter table public.data_keys add column unneeded_since timestamptz;
      grant select (unneeded_since), update (unneeded_since) on public.data_keys to hub_rotator;
      grant select (unneeded_since) on public.data_keys to hub_auditor;

      grant create on schema hub to hub_rotator;
      set role hub_rotator;
      -- apps keep an opened key for five minutes, and may seal with it for so long after it was replaced: what is needed is
      -- seen at the second look. @returns those that retire now
      create function hub.retire_data_keys() returns setof uuid
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_needed text[] := array(select c.key_id from hub.cells_by_key() c);
      begin
        update public.data_keys k
          set unneeded_since = case when not k.id::text = any (v_needed) then now() end
          where k.status = 'retiring' and (k.unneeded_since is null) <> (k.id::text = any (v_needed));
        return query
          update public.data_keys k set status = 'retired', status_changed_at = now()
          where k.status = 'retiring' and k.unneeded_since <= now() - ${REST} and not k.id::text = any (v_needed)
          returning k.id;
      end $$;
      revoke execute on function hub.retire_data_keys() from public;
      grant execute on function hub.retire_data_keys() to hub_refresh_worker;
      -- workers of the release before bring a time of their own
      create or replace function hub.retire_data_keys(p_after interval) returns setof uuid
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        select hub.retire_data_keys() $$;

      -- whoever retires it, the owner included
      create or replace function hub.refuse_needed_key() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', new.org_id::text, true);
        if exists (select from hub.cells_by_key() c where c.key_id = new.id::text) then
          raise exception 'the data key % is still needed', new.id using errcode = 'object_in_use';
        end if;
        if old.status <> 'retiring' or old.unneeded_since is null or old.unneeded_since > now() - ${REST} then
          raise exception 'the data key % has not been out of use for ten minutes', new.id
            using errcode = 'object_not_in_prerequisite_state';
        end if;
        return new;
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_rotator;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant create on schema hub to hub_rotator;
      set role hub_rotator;
      create or replace function hub.retire_data_keys(p_after interval) returns setof uuid
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        update public.data_keys k set status = 'retired', status_changed_at = now()
          where k.status = 'retiring' and k.status_changed_at <= now() - p_after
            and k.id::text not in (select c.key_id from hub.cells_by_key() c)
          returning k.id $$;
      create or replace function hub.refuse_needed_key() returns trigger
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', new.org_id::text, true);
        if exists (select from hub.cells_by_key() c where c.key_id = new.id::text) then
          raise exception 'the data key % is still needed', new.id using errcode = 'object_in_use';
        end if;
        return new;
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_rotator;
      drop function hub.retire_data_keys();
      alter table public.data_keys drop column unneeded_since;
    `);
  }
}

const REST = "interval '10 minutes'";
