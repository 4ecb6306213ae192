import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key is also needed by what it seals of deliveries and of their secrets. */
export class CountWhatKeysOpenOfDeliveries1795395020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      replaced(`
          union all select 'deliveries.data', substr(d.data, 1, 64) from public.deliveries d
          union all select v.place, v.sealed from public.delivery_settings w
            cross join lateral (values ('delivery_settings.secret', w.secret), ('delivery_settings.previous_secret', w.previous_secret)) v (place, sealed)`),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(replaced(''));
  }
}

/** @param more further places, as SQL that goes on with the union */
function replaced(more: string): string {
  const places = `
        select case when c.sealed ~ '^hub[0-9]+[.]' then split_part(c.sealed, '.', 2) else '' end, c.place, count(*) from (
          select v.place, v.sealed from public.integrations i
            cross join lateral (values ('integrations.access_token', i.access_token), ('integrations.refresh_token', i.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.revocations r
            cross join lateral (values ('revocations.access_token', r.access_token), ('revocations.refresh_token', r.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.token_inbox t
            cross join lateral (values ('token_inbox.access_token', t.access_token), ('token_inbox.refresh_token', t.refresh_token)) v (place, sealed)
          union all select v.place, v.sealed from public.flows f
            cross join lateral (values ('flows.verifier', f.verifier), ('flows.parked_code', f.parked_code)) v (place, sealed)
            where f.expires_at > now()${more}
          -- as in the index audit_events_sealed
          union all select 'audit_events.detail', d.sealed #>> '{}' from public.audit_events e
            cross join lateral jsonb_path_query(e.detail, '$.*.sealed') d (sealed) where jsonb_path_exists(e.detail, '$.*.sealed')
        ) c where c.sealed is not null group by 1, 2`;
  return `
      grant create on schema hub to hub_rotator;
      set role hub_rotator;
      create or replace function hub.sealed_places() returns table (key_id text, place text, cells bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$ ${places} $$;
      create or replace function hub.key_uses(p_orgs uuid[])
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
            select v_org, k.id, k.purpose, k.status, k.key_provider, k.wrapping_key_id,
              case when s.key_id is null or s.key_id ~ '^[0-9A-Za-z_-]{0,36}$' then s.key_id else '' end, s.place, coalesce(s.cells, 0)
            from (select d.id, d.purpose, d.status, d.key_provider, d.wrapping_key_id from public.data_keys d where d.org_id = v_org) k
            full join (${places}) as s (key_id, place, cells) on s.key_id = k.id::text;
        end loop;
        perform set_config('hub.org_id', coalesce(v_before, ''), true);
      end $$;
      set role hub_owner;
      revoke create on schema hub from hub_rotator;`;
}
