import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is written over a wrapped data key is told by the database itself, and the wrapping before is kept for 30 days. */
export class KeepWrappingsBefore1795393810000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table public.data_keys
        -- wrappings that were written over: { keyProvider, wrappingKey, wrapped, replacedAt }, the oldest first
        add column wrappings_before jsonb not null default '[]',
        -- then the last of them goes
        add column wrappings_until timestamptz;
      create index data_keys_wrappings on public.data_keys (wrappings_until) where wrappings_until is not null;
      alter table public.data_keys add constraint data_keys_wrappings_check check (status <> 'shredded' or wrappings_before = '[]');
      -- whoever shreds a key, in whatever release, shreds all of it
      create function hub.shred_wrappings() returns trigger
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        new.wrappings_before := '[]';
        new.wrappings_until := null;
        return new;
      end $$;
      revoke execute on function hub.shred_wrappings() from public;
      create trigger shredded before update of status on public.data_keys
        for each row when (new.status = 'shredded') execute function hub.shred_wrappings();

      grant select (wrappings_before, wrappings_until), update (wrappings_before, wrappings_until) on public.data_keys to hub_rotator;
      grant select (wrappings_until) on public.data_keys to hub_auditor;
      create policy data_keys_swept on public.data_keys for update to hub_scanner using (true) with check (true);
      grant select (wrappings_until), update (wrappings_before, wrappings_until) on public.data_keys to hub_scanner;

      set role hub_disconnector;
      grant execute on function ${APPEND_EVENT} to hub_rotator;
      set role hub_owner;
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      -- called last in a transaction: it tells the org's trail
      create or replace function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_from text;
      begin
        select k.wrapping_key_id into v_from from public.data_keys k
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded' for update;
        if not found then return false; end if;
        update public.data_keys k
          set wrappings_before = (
              select coalesce(jsonb_agg(w order by (w ->> 'replacedAt')::timestamptz), '[]') from jsonb_array_elements(k.wrappings_before) w
              where (w ->> 'replacedAt')::timestamptz > now() - ${KEPT}
            ) || jsonb_build_object('keyProvider', k.key_provider, 'wrappingKey', k.wrapping_key_id, 'wrapped', k.wrapped_key,
                                    'replacedAt', now()),
            wrappings_until = now() + ${KEPT},
            key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key, rewrapped_at = now(),
            refused_at = null
          where k.id = p_id;
        perform hub.append_event(gen_random_uuid(), 'key.rewrapped', null, null, 'worker', 'refresh-worker',
          jsonb_build_object('key', p_id, 'from', v_from, 'to', p_wrapping_key_id, 'by', p_key_provider));
        return true;
      end $$;

      set role hub_scanner;
      ${takeRotations(`
        update public.data_keys k set wrappings_before = '[]', wrappings_until = null where k.wrappings_until <= now();`)}
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant create on schema hub to hub_rotator, hub_scanner;
      set role hub_rotator;
      create or replace function hub.rewrap_data_key(p_id uuid, p_before text, p_key_provider text, p_wrapping_key_id text, p_wrapped_key text)
      returns boolean language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        update public.data_keys k
          set key_provider = p_key_provider, wrapping_key_id = p_wrapping_key_id, wrapped_key = p_wrapped_key, rewrapped_at = now(),
            refused_at = null
          where k.id = p_id and k.wrapped_key = p_before and k.status <> 'shredded';
        return found;
      end $$;
      set role hub_scanner;
      ${takeRotations('')}
      set role hub_disconnector;
      revoke execute on function ${APPEND_EVENT} from hub_rotator;
      set role hub_owner;
      revoke create on schema hub from hub_rotator, hub_scanner;
      drop policy data_keys_swept on public.data_keys;
      drop trigger shredded on public.data_keys;
      drop function hub.shred_wrappings();
      alter table public.data_keys drop constraint data_keys_wrappings_check, drop column wrappings_before, drop column wrappings_until;
    `);
  }
}

/** As long as the youngest backup that somebody may have to go back to, and as long as a retired key is kept. */
const KEPT = "interval '30 days'";
const APPEND_EVENT = 'hub.append_event(uuid, text, text, uuid, text, text, jsonb)';

/** @param first what is done before rotations are taken */
function takeRotations(first: string): string {
  return `
      create or replace function hub.take_rotations(p_limit integer) returns setof uuid
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$ ${first}
        update public.key_rotations r set next_at = now() + interval '1 minute' where r.org_id in (
          select d.org_id from public.key_rotations d where d.finished_at is null and d.next_at <= now()
          order by d.next_at limit p_limit for update skip locked)
        returning r.org_id $$;`;
}
