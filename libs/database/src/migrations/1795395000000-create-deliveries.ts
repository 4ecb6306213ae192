import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is on its way to the orgs' webhooks, the log of what was delivered, and what an org wants delivered. */
export class CreateDeliveries1795395000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant usage on schema hub to hub_delivery_worker;

      create table public.deliveries (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null,
        -- as it was when the delivery was taken
        integration_id uuid not null,
        provider text not null references public.providers (id),
        -- by which the receiver knows it; whoever posts it may choose it
        event_id uuid not null,
        -- of the integration, in the order in which deliveries were taken
        seq bigint not null,
        type text not null,
        at timestamptz not null,
        -- sealed for this cell; emptied once it is delivered or cancelled
        data text,
        source text not null constraint deliveries_source_check check (source in ('posted', 'hub')),
        state text not null default 'pending'
          constraint deliveries_state_check check (state in ('pending', 'delivered', 'dead', 'cancelled')),
        -- of one that is pending; null: it waits for a new URL
        next_attempt_at timestamptz,
        -- somebody is at it until then; each claim raises the epoch, and a write of an older one is refused
        lease_until timestamptz,
        epoch bigint not null default 0,
        failed_attempts integer not null default 0,
        failure_code text,
        last_status integer,
        first_failed_at timestamptz,
        last_failed_at timestamptz,
        -- since when it is no longer pending
        ended_at timestamptz,
        created_at timestamptz not null default now(),
        constraint deliveries_once unique (org_id, integration_id, event_id)
      );
      -- so that the key that a value names is read without the rest of it
      alter table public.deliveries alter column data set storage external;
      create index deliveries_log on public.deliveries (org_id, provider, created_at, id);
      create index deliveries_due on public.deliveries (next_attempt_at) where next_attempt_at is not null;
      create index deliveries_pending on public.deliveries (integration_id, next_attempt_at) where state = 'pending';
      create index deliveries_leased on public.deliveries (integration_id) where lease_until is not null;
      create index deliveries_dead on public.deliveries (org_id) where state = 'dead';
      create index deliveries_ended on public.deliveries (ended_at) where state in ('delivered', 'cancelled');
      create index deliveries_by_seq on public.deliveries (integration_id, seq);
      alter table public.deliveries enable row level security;
      alter table public.deliveries force row level security;
      create policy deliveries_by_org on public.deliveries to hub_gateway, hub_worker, hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy deliveries_scan on public.deliveries for select to hub_scanner using (true);
      create policy deliveries_prune on public.deliveries for delete to hub_scanner using (true);
      create policy deliveries_counted on public.deliveries for select to hub_rotator using (org_id = hub.current_org());
      create policy deliveries_erased on public.deliveries to hub_eraser using (org_id = hub.current_org());
      create trigger forgotten before insert on public.deliveries for each row execute function hub.refuse_forgotten();

      create table public.delivery_settings (
        -- the integration's
        id uuid primary key,
        org_id uuid not null,
        provider text not null references public.providers (id),
        -- the hub's own events that are delivered; none until the org says which
        events text[] not null default '{}',
        -- signs what is sent, sealed for this cell; the one before stays sealed for the same cell and signs beside it for a while
        secret text not null,
        previous_secret text,
        previous_until timestamptz,
        next_seq bigint not null default 1,
        -- of the org's trail: what stands behind it has not been looked at yet
        outbox_seq bigint not null default 0,
        -- the circuit before the receiver: failed tries in a row, and until when nothing is sent
        failures integer not null default 0,
        open_until timestamptz,
        created_at timestamptz not null default now()
      );
      create index delivery_settings_by_org on public.delivery_settings (org_id);
      create index delivery_settings_opted_in on public.delivery_settings (id) where events <> '{}';
      alter table public.delivery_settings enable row level security;
      alter table public.delivery_settings force row level security;
      create policy delivery_settings_by_org on public.delivery_settings to hub_gateway, hub_worker, hub_disconnector
        using (org_id = hub.current_org()) with check (org_id = hub.current_org());
      create policy delivery_settings_scan on public.delivery_settings for select to hub_scanner using (true);
      create policy delivery_settings_counted on public.delivery_settings for select to hub_rotator using (org_id = hub.current_org());
      create policy delivery_settings_erased on public.delivery_settings to hub_eraser using (org_id = hub.current_org());
      create trigger forgotten before insert on public.delivery_settings for each row execute function hub.refuse_forgotten();

      -- the gateway stores what is to be delivered and never reads it; it hands out the secret, which its org verifies by
      grant select (${ALL_BUT_DATA}),
            insert (id, org_id, integration_id, provider, event_id, seq, type, at, data, source, next_attempt_at),
            update (state, next_attempt_at, failed_attempts, ended_at) on public.deliveries to hub_gateway;
      grant select (${SETTINGS}, secret, previous_until), insert (id, org_id, provider, secret),
            update (events, secret, previous_secret, previous_until, next_seq, outbox_seq, failures, open_until)
        on public.delivery_settings to hub_gateway;

      grant select (${ALL_BUT_DATA}, data),
            insert (id, org_id, integration_id, provider, event_id, seq, type, at, data, source, next_attempt_at),
            update (data, state, next_attempt_at, lease_until, epoch, failed_attempts, failure_code, last_status, first_failed_at,
                    last_failed_at, ended_at) on public.deliveries to hub_delivery_worker;
      grant select (${SETTINGS}, secret, previous_secret, previous_until), insert (id, org_id, provider, secret),
            update (next_seq, outbox_seq, failures, open_until) on public.delivery_settings to hub_delivery_worker;
      -- what a hook is known by: its URL, and the verdict that it is gone
      grant select (id, org_id, provider, access_token, status, metadata, connected_at, failed_refreshes, refresh_first_failed_at),
            update (status, metadata, updated_at, next_refresh_at, failed_refreshes, refresh_failure_code, refresh_failure_at,
                    refresh_first_failed_at, in_doubt_since, next_sync_at) on public.integrations to hub_delivery_worker;
      -- the trail is the outbox of the hub's own events; what is sent of them is sealed
      grant select (id, org_id, seq, at, name, provider, integration_id) on public.audit_events to hub_delivery_worker;
      grant insert (id, org_id, purpose, key_provider, wrapping_key_id, wrapped_key, status, status_changed_at, created_at)
        on public.data_keys to hub_delivery_worker;

      -- replays from the command line, and the rotation of keys
      grant select (id, org_id, provider, integration_id, state, next_attempt_at, epoch, failed_attempts, failure_code, first_failed_at,
                    last_failed_at, ended_at, data), update (state, next_attempt_at, failed_attempts, ended_at, data)
        on public.deliveries to hub_refresh_worker;
      grant select (id, org_id, provider, secret, previous_secret), update (secret, previous_secret)
        on public.delivery_settings to hub_refresh_worker;

      grant select (id, org_id, integration_id, state), update (state, data, next_attempt_at, lease_until, ended_at)
        on public.deliveries to hub_disconnector;
      grant select (id, org_id), delete on public.delivery_settings to hub_disconnector;
      grant select (org_id, data) on public.deliveries to hub_rotator;
      grant select (org_id, secret, previous_secret) on public.delivery_settings to hub_rotator;
      grant select (id, org_id), delete on public.deliveries to hub_eraser;
      grant select (id, org_id), delete on public.delivery_settings to hub_eraser;
      grant select (id, org_id, provider, integration_id, seq, state, next_attempt_at, lease_until, epoch, ended_at, created_at), delete
        on public.deliveries to hub_scanner;
      grant select (id, org_id, provider, events, next_seq, outbox_seq, failures, open_until)
        on public.delivery_settings to hub_scanner;

      -- what falls due within a while, the earliest first, behind the last row of the page before. What waits behind an open
      -- circuit is not told
      create function hub.due_deliveries(p_within interval, p_limit integer, p_after timestamptz, p_after_id uuid)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select d.id, d.org_id, d.provider, d.epoch, d.next_attempt_at, d.lease_until, null::timestamptz
        from public.deliveries d
        where d.next_attempt_at <= now() + p_within and (d.next_attempt_at, d.id) > (p_after, p_after_id)
          and not exists (select from public.delivery_settings s where s.id = d.integration_id and s.open_until > now())
        order by d.next_attempt_at, d.id limit p_limit $$;

      -- of each provider a share, in which every integration has its first before any has its second: a receiver with
      -- thousands of rows overdue hides nobody. Of one whose circuit lets a trial through, one is told
      create function hub.due_delivery_shares(p_within interval, p_share integer)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        with recursive lanes (integration_id) as (
          (select d.integration_id from public.deliveries d where d.state = 'pending' order by d.integration_id limit 1)
          union all
          select (select d.integration_id from public.deliveries d
                  where d.state = 'pending' and d.integration_id > l.integration_id order by d.integration_id limit 1)
          from lanes l where l.integration_id is not null
        ), placed as (
          select due.*, row_number() over (partition by due.provider order by due.place, due.next_attempt_at) as place_in_share
          from lanes l
          join public.delivery_settings s on s.id = l.integration_id and (s.open_until is null or s.open_until <= now())
          cross join lateral (
            select d.id, d.org_id, d.provider, d.epoch, d.next_attempt_at, d.lease_until,
              row_number() over (order by d.next_attempt_at) as place
            from public.deliveries d
            where d.integration_id = l.integration_id and d.state = 'pending' and d.next_attempt_at <= now() + p_within
            order by d.next_attempt_at limit case when s.open_until is null then least(p_share, ${MOST_OF_A_LANE}) else 1 end) due
        )
        select p.id, p.org_id, p.provider, p.epoch, p.next_attempt_at, p.lease_until, null::timestamptz
        from placed p where p.place_in_share <= p_share order by p.next_attempt_at $$;

      -- whose trail has gone on since its events were looked at, of those that want any
      create function hub.delivery_outboxes(p_after uuid, p_limit integer)
      returns table (id uuid, org_id uuid, provider text, outbox_seq bigint, head_seq bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select s.id, s.org_id, s.provider, s.outbox_seq, h.seq
        from public.delivery_settings s join public.audit_heads h on h.org_id = s.org_id
        where s.events <> '{}' and s.id > p_after and h.seq > s.outbox_seq order by s.id limit p_limit $$;

      -- the log keeps what has ended for a while, and of each integration so many
      create function hub.prune_deliveries(p_older_than interval, p_keep bigint, p_limit integer) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with old as (
          (select d.id from public.deliveries d
           where d.state in ('delivered', 'cancelled') and d.ended_at < now() - p_older_than order by d.ended_at limit p_limit)
          union
          (select d.id from public.delivery_settings s
           cross join lateral (
             select e.id from public.deliveries e
             where e.integration_id = s.id and e.seq < s.next_seq - p_keep and e.state in ('delivered', 'cancelled')
             order by e.seq limit p_limit) d
           limit p_limit)
        ), gone as (delete from public.deliveries d using old where d.id = old.id returning 1)
        select count(*) from gone $$;

      grant create on schema hub to hub_scanner;
      alter function hub.due_deliveries(interval, integer, timestamptz, uuid) owner to hub_scanner;
      alter function hub.due_delivery_shares(interval, integer) owner to hub_scanner;
      alter function hub.delivery_outboxes(uuid, integer) owner to hub_scanner;
      alter function hub.prune_deliveries(interval, bigint, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function ${DOORS} from public;
      grant execute on function ${DOORS} to hub_delivery_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function ${DOORS};
      revoke all on public.integrations, public.audit_events, public.data_keys from hub_delivery_worker;
      drop table public.delivery_settings;
      drop table public.deliveries;
      revoke usage on schema hub from hub_delivery_worker;
    `);
  }
}

const ALL_BUT_DATA = `id, org_id, integration_id, provider, event_id, seq, type, at, source, state, next_attempt_at, lease_until, epoch,
                    failed_attempts, failure_code, last_status, first_failed_at, last_failed_at, ended_at, created_at`;
const SETTINGS = 'id, org_id, provider, events, next_seq, outbox_seq, failures, open_until, created_at';
const DOORS = `hub.due_deliveries(interval, integer, timestamptz, uuid), hub.due_delivery_shares(interval, integer),
        hub.delivery_outboxes(uuid, integer), hub.prune_deliveries(interval, bigint, integer)`;
/** Of one integration a look tells no more: it is sent two at a time. */
const MOST_OF_A_LANE = 100;
