import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Flows that nobody has brought to an end in time are ended, with what they keep sealed, and the trail tells of it. */
export class AbandonFlows1795393610000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table public.flows drop constraint flows_status_check;
      alter table public.flows add constraint flows_status_check
        check (status in ('awaiting_input', 'open', 'taken', 'parked', 'completed', 'refused', 'cancelled', 'abandoned'));
      create index flows_unfinished on public.flows (expires_at) where status in ${UNFINISHED};
      grant select (expires_at) on public.flows to hub_disconnector;

      -- whose time is over; a moment later, so that nobody is interrupted who came in time
      create function hub.overdue_flows(p_limit integer) returns table (id uuid, org_id uuid)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select f.id, f.org_id from public.flows f
        where f.status in ${UNFINISHED} and f.expires_at <= now() - ${MOMENT}
        order by f.expires_at limit p_limit $$;

      -- ends one of them in the org of the transaction, and tells in which status it was
      create function hub.abandon_flow(p_id uuid) returns table (provider text, was text)
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with overdue as (
          select f.id, f.status from public.flows f
          where f.id = p_id and f.status in ${UNFINISHED} and f.expires_at <= now() - ${MOMENT} for update)
        update public.flows f set status = 'abandoned', verifier = null, parked_code = null, confirm_cookie_hash = null
          from overdue where f.id = overdue.id returning f.provider, overdue.status $$;

      create or replace function hub.take_flow(p_state_hash bytea) returns table (id uuid, org_id uuid, outcome text)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        return query update public.flows f set status = 'taken'
          where f.state_hash = p_state_hash and f.status = 'open' and f.expires_at > now()
          returning f.id, f.org_id, 'taken'::text;
        if found then return; end if;
        return query select f.id, f.org_id,
            case when f.status = 'cancelled' then 'cancelled' when f.status in ('open', 'abandoned') then 'expired' else 'replayed' end
          from public.flows f where f.state_hash = p_state_hash;
      end $$;

      grant create on schema hub to hub_scanner, hub_disconnector;
      alter function hub.overdue_flows(integer) owner to hub_scanner;
      alter function hub.abandon_flow(uuid) owner to hub_disconnector;
      revoke create on schema hub from hub_scanner, hub_disconnector;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.overdue_flows(integer) from public;
      grant execute on function hub.overdue_flows(integer) to hub_refresh_worker;
      set role hub_disconnector;
      revoke execute on function hub.abandon_flow(uuid) from public;
      grant execute on function hub.abandon_flow(uuid) to hub_refresh_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create or replace function hub.take_flow(p_state_hash bytea) returns table (id uuid, org_id uuid, outcome text)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        return query update public.flows f set status = 'taken'
          where f.state_hash = p_state_hash and f.status = 'open' and f.expires_at > now()
          returning f.id, f.org_id, 'taken'::text;
        if found then return; end if;
        return query select f.id, f.org_id,
            case when f.status = 'cancelled' then 'cancelled' when f.status = 'open' then 'expired' else 'replayed' end
          from public.flows f where f.state_hash = p_state_hash;
      end $$;
      drop function hub.abandon_flow(uuid), hub.overdue_flows(integer);
      revoke select (expires_at) on public.flows from hub_disconnector;
      drop index public.flows_unfinished;
      delete from public.flows where status = 'abandoned';
      alter table public.flows drop constraint flows_status_check;
      alter table public.flows add constraint flows_status_check
        check (status in ('awaiting_input', 'open', 'taken', 'parked', 'completed', 'refused', 'cancelled'));
    `);
  }
}

const UNFINISHED = `('awaiting_input', 'open', 'taken', 'parked')`;
const MOMENT = `interval '1 minute'`;
