import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An answer that comes late has the key beside it that has sealed it: that key is needed again, whatever became of it meanwhile. */
export class PutBackDataKeys1795393820000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant insert (status) on public.data_keys to hub_rotator;
      grant create on schema hub to hub_rotator;
      set role hub_rotator;
      -- what became of it: 'gone' or 'retired', and it is retiring from now on; null if it is there. The row stays locked, so
      -- that it does not retire before what it has sealed is written
      create function hub.put_back_data_key(p_org uuid, p_id uuid, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns text language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_status text;
      begin
        select k.status into v_status from public.data_keys k where k.id = p_id for update;
        if v_status is null then
          insert into public.data_keys (id, org_id, key_provider, wrapping_key_id, wrapped_key, status)
            values (p_id, p_org, p_key_provider, p_wrapping_key_id, p_wrapped_key, 'retiring') on conflict (id) do nothing;
          return case when found then 'gone' end;
        end if;
        if v_status <> 'retired' then return null; end if;
        update public.data_keys k set status = 'retiring', status_changed_at = now(), unneeded_since = null where k.id = p_id;
        return 'retired';
      end $$;
      revoke execute on function hub.put_back_data_key(uuid, uuid, text, text, text) from public;
      grant execute on function hub.put_back_data_key(uuid, uuid, text, text, text) to hub_refresh_worker;
      set role hub_owner;
      revoke create on schema hub from hub_rotator;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.put_back_data_key(uuid, uuid, text, text, text);
      revoke insert (status) on public.data_keys from hub_rotator;
    `);
  }
}
