import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The few reads and writes that cross orgs, each a function that sees only the columns its role was granted. */
export class CreateNarrowDoors1795392400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- what falls due within a while, the earliest first, behind the last row of the page before
      create function hub.due_refreshes(p_within interval, p_limit integer, p_after timestamptz, p_after_id uuid)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select i.id, i.org_id, i.provider, i.epoch, i.next_refresh_at, i.lease_until, i.expires_at
        from public.integrations i
        where i.next_refresh_at <= now() + p_within and i.status <> 'reauth_required'
          and (i.next_refresh_at, i.id) > (p_after, p_after_id)
        order by i.next_refresh_at, i.id limit p_limit $$;

      create function hub.due_syncs(p_within interval, p_limit integer, p_after timestamptz, p_after_id uuid)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select i.id, i.org_id, i.provider, i.epoch, i.next_sync_at, null::timestamptz, null::timestamptz
        from public.integrations i
        where i.next_sync_at <= now() + p_within and i.status <> 'reauth_required'
          and (i.next_sync_at, i.id) > (p_after, p_after_id)
        order by i.next_sync_at, i.id limit p_limit $$;

      create function hub.due_revocations(p_within interval, p_limit integer, p_after timestamptz, p_after_id uuid)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select r.id, r.org_id, r.provider, 0::bigint, r.next_attempt_at, null::timestamptz, null::timestamptz
        from public.revocations r
        where r.next_attempt_at <= now() + p_within and (r.next_attempt_at, r.id) > (p_after, p_after_id)
        order by r.next_attempt_at, r.id limit p_limit $$;

      -- how many integrations of any org stand on an account of a provider
      create function hub.standing_on_account(p_provider text, p_account_id text) returns bigint
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) from public.integrations i where i.provider = p_provider and i.account_id = p_account_id $$;

      -- the one atomic use of a state; the second statement only words the reason for the audit trail
      create function hub.take_flow(p_state_hash bytea) returns table (id uuid, org_id uuid, outcome text)
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

      -- the flow behind one of the hub's own pages
      create function hub.flow_of_page(p_page_hash bytea) returns table (id uuid, org_id uuid)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select f.id, f.org_id from public.flows f where f.page_hash = p_page_hash $$;

      -- flows are kept for a day after their end, so that a late callback is told apart from a forged one
      create function hub.sweep_flows() returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with swept as (delete from public.flows f where f.expires_at < now() - interval '1 day' returning 1)
        select count(*) from swept $$;

      -- ends an integration in the org of the transaction: the row goes, its tokens move on to revocation if they shall,
      -- and every flow under way ends. The caller never sees a token.
      create function hub.disconnect(p_provider text, p_revoke boolean, p_reason text)
      returns table (id uuid, account_label text, revocation_id uuid)
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_gone public.integrations;
        v_revocation uuid;
      begin
        update public.flows f set status = 'cancelled', verifier = null, parked_code = null, confirm_cookie_hash = null
          where f.provider = p_provider and f.status in ('awaiting_input', 'open', 'taken', 'parked');
        delete from public.integrations i where i.provider = p_provider returning i.* into v_gone;
        if v_gone.id is null then return; end if;
        -- grants that came too late go the same way
        if p_revoke then
          insert into public.revocations (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at)
            select t.org_id, t.provider, t.integration_id, v_gone.account_id, v_gone.inputs, t.access_token, t.refresh_token, 'late_grant', now()
            from public.token_inbox t where t.integration_id = v_gone.id;
        end if;
        delete from public.token_inbox t where t.integration_id = v_gone.id;
        if p_revoke then
          insert into public.revocations (org_id, provider, integration_id, account_id, inputs, access_token, refresh_token, reason, next_attempt_at)
            values (v_gone.org_id, v_gone.provider, v_gone.id, v_gone.account_id, v_gone.inputs, v_gone.access_token, v_gone.refresh_token, p_reason, now())
            returning revocations.id into v_revocation;
        end if;
        return query select v_gone.id, v_gone.account_label, v_revocation;
      end $$;

      grant create on schema hub to hub_scanner, hub_disconnector;
      alter function hub.due_refreshes(interval, integer, timestamptz, uuid) owner to hub_scanner;
      alter function hub.due_syncs(interval, integer, timestamptz, uuid) owner to hub_scanner;
      alter function hub.due_revocations(interval, integer, timestamptz, uuid) owner to hub_scanner;
      alter function hub.standing_on_account(text, text) owner to hub_scanner;
      alter function hub.take_flow(bytea) owner to hub_scanner;
      alter function hub.flow_of_page(bytea) owner to hub_scanner;
      alter function hub.sweep_flows() owner to hub_scanner;
      alter function hub.disconnect(text, boolean, text) owner to hub_disconnector;
      revoke create on schema hub from hub_scanner, hub_disconnector;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.due_refreshes(interval, integer, timestamptz, uuid), hub.due_syncs(interval, integer, timestamptz, uuid),
        hub.due_revocations(interval, integer, timestamptz, uuid), hub.standing_on_account(text, text), hub.sweep_flows(),
        hub.take_flow(bytea), hub.flow_of_page(bytea) from public;
      grant execute on function hub.due_refreshes(interval, integer, timestamptz, uuid), hub.due_syncs(interval, integer, timestamptz, uuid),
        hub.due_revocations(interval, integer, timestamptz, uuid), hub.standing_on_account(text, text), hub.sweep_flows() to hub_worker;
      grant execute on function hub.standing_on_account(text, text), hub.take_flow(bytea), hub.flow_of_page(bytea) to hub_gateway;
      set role hub_disconnector;
      revoke execute on function hub.disconnect(text, boolean, text) from public;
      grant execute on function hub.disconnect(text, boolean, text) to hub_gateway;
      set role hub_owner;

      -- the hot read: the org is set and the row is read in one round trip, under the caller's own rights
      create function hub.read_token(p_org uuid, p_provider text)
      returns table (id uuid, status text, access_token text, scope text, issued_at timestamptz, expires_at timestamptz,
                     account_id text, account_label text, refresh_failure_code text, next_refresh_at timestamptz, read_at timestamptz)
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        perform set_config('hub.org_id', p_org::text, true);
        return query select i.id, i.status, i.access_token, i.scope, i.issued_at, i.expires_at, i.account_id, i.account_label,
            i.refresh_failure_code, i.next_refresh_at, clock_timestamp()
          from public.integrations i where i.org_id = p_org and i.provider = p_provider;
      end $$;
      revoke execute on function hub.read_token(uuid, text) from public;
      grant execute on function hub.read_token(uuid, text) to hub_gateway;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.read_token(uuid, text);
      drop function hub.disconnect(text, boolean, text);
      drop function hub.sweep_flows();
      drop function hub.flow_of_page(bytea);
      drop function hub.take_flow(bytea);
      drop function hub.standing_on_account(text, text);
      drop function hub.due_revocations(interval, integer, timestamptz, uuid);
      drop function hub.due_syncs(interval, integer, timestamptz, uuid);
      drop function hub.due_refreshes(interval, integer, timestamptz, uuid);
    `);
  }
}
