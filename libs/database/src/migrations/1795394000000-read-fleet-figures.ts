import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What gauges and alerts tell of all integrations together, in one look and without ids; and the ids of those that fail longest. */
export class ReadFleetFigures1795394000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant select (connected_at, failed_refreshes, refresh_first_failed_at, failed_syncs, sync_first_failed_at)
        on public.integrations to hub_scanner;
      grant select (created_at) on public.revocations to hub_scanner;
      grant select (closed_at) on public.provider_breakers to hub_scanner;

      -- a row for each provider of the catalog. Spans are in seconds, by the database's clock; null: there is nothing to tell
      create function hub.fleet_figures(p_rungs integer, p_sync_every interval)
      returns table (provider text, connected bigint, refresh_failing bigint, reauth_required bigint, lapsed bigint,
                     streak_1 bigint, streak_2 bigint, streak_3 bigint, streak_gt3 bigint, window_elapsed float8,
                     min_remaining float8, sync_staleness float8, sync_overdue bigint,
                     dead_refreshes bigint, dead_syncs bigint, dead_revocations bigint,
                     oldest_refresh float8, oldest_sync float8, oldest_revocation float8, oldest_grant float8)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        -- one scan: rows are wide
        with counted as (
          select l.provider,
            count(*) filter (where l.status = 'connected') as connected,
            count(*) filter (where l.status = 'refresh_failing') as refresh_failing,
            count(*) filter (where l.status = 'reauth_required') as reauth_required,
            count(*) filter (where l.expires_at <= now()) as lapsed,
            count(*) filter (where l.failed_refreshes = 1) as streak_1,
            count(*) filter (where l.failed_refreshes = 2) as streak_2,
            count(*) filter (where l.failed_refreshes = 3) as streak_3,
            count(*) filter (where l.failed_refreshes > 3) as streak_gt3,
            max(case when l.due_at < l.expires_at and l.due_at <= now()
                     then extract(epoch from now() - l.due_at)::float8 / extract(epoch from l.expires_at - l.due_at)::float8
                     when l.expires_at <= now() then 1 end) as window_elapsed,
            extract(epoch from min(l.expires_at) - now())::float8 as min_remaining,
            extract(epoch from now() - min(l.synced_at))::float8 as sync_staleness,
            count(*) filter (where l.synced_at < now() - 2 * p_sync_every) as sync_overdue,
            count(*) filter (where l.status = 'refresh_failing' and l.failed_refreshes > p_rungs) as dead_refreshes,
            count(*) filter (where l.failed_syncs > p_rungs) as dead_syncs,
            min(l.next_refresh_at) filter (where l.lease_until is null or l.lease_until <= now()) as refresh_due_at,
            min(l.next_sync_at) as sync_due_at
          from (
            -- of one that waits for a person nothing counts but that it is there
            select i.provider, i.status, i.lease_until, live.failed_refreshes, live.failed_syncs, live.expires_at,
              live.next_refresh_at, live.next_sync_at, live.due_at, live.synced_at
            from public.integrations i left join lateral (
              select i.failed_refreshes, i.failed_syncs, i.expires_at, i.next_refresh_at, i.next_sync_at,
                -- a failed refresh moves the next one on: the window began with the first
                least(i.next_refresh_at, i.refresh_first_failed_at) as due_at,
                -- while syncs fail the last good one was an interval before the first of them
                greatest(i.connected_at, case when i.sync_first_failed_at is null then i.sync_settled_at
                                              else i.sync_first_failed_at - p_sync_every end) as synced_at
              where i.status <> 'reauth_required') live on true
          ) l group by 1
        ), outbox as (
          select r.provider, count(*) filter (where r.next_attempt_at is null) as dead_revocations,
            min(r.next_attempt_at) as revocation_due_at,
            min(r.created_at) filter (where r.next_attempt_at is not null) as granted_back_at
          from public.revocations r group by 1
        ), put_off as (
          -- what waits behind a breaker waits for its provider, not for a worker: as long as workers look after the breaker
          select distinct b.provider from public.provider_breakers b
            where b.closed_at is null and b.probe_at > now() - interval '2 minutes'
        )
        select p.id, coalesce(c.connected, 0), coalesce(c.refresh_failing, 0), coalesce(c.reauth_required, 0), coalesce(c.lapsed, 0),
          coalesce(c.streak_1, 0), coalesce(c.streak_2, 0), coalesce(c.streak_3, 0), coalesce(c.streak_gt3, 0),
          greatest(c.window_elapsed, 0), c.min_remaining, greatest(c.sync_staleness, 0), coalesce(c.sync_overdue, 0),
          coalesce(c.dead_refreshes, 0), coalesce(c.dead_syncs, 0), coalesce(o.dead_revocations, 0),
          case when put_off.provider is null then greatest(extract(epoch from now() - c.refresh_due_at)::float8, 0) else 0 end,
          greatest(extract(epoch from now() - c.sync_due_at)::float8, 0),
          greatest(extract(epoch from now() - o.revocation_due_at)::float8, 0),
          greatest(extract(epoch from now() - o.granted_back_at)::float8, 0)
        from public.providers p
        left join counted c on c.provider = p.id
        left join outbox o on o.provider = p.id
        left join put_off on put_off.provider = p.id $$;

      -- whose refreshes have failed more than three times in a row, the longest streaks first
      create function hub.worst_streaks(p_limit integer)
      returns table (id uuid, org_id uuid, provider text, failures integer)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select i.id, i.org_id, i.provider, i.failed_refreshes from public.integrations i
        where i.status <> 'reauth_required' and i.failed_refreshes > 3
        order by i.failed_refreshes desc, i.refresh_first_failed_at, i.id limit least(p_limit, 100) $$;

      grant create on schema hub to hub_scanner;
      alter function hub.fleet_figures(integer, interval) owner to hub_scanner;
      alter function hub.worst_streaks(integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.fleet_figures(integer, interval), hub.worst_streaks(integer) from public;
      grant execute on function hub.fleet_figures(integer, interval), hub.worst_streaks(integer) to hub_refresh_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.worst_streaks(integer), hub.fleet_figures(integer, interval);
      revoke select (closed_at) on public.provider_breakers from hub_scanner;
      revoke select (created_at) on public.revocations from hub_scanner;
      revoke select (connected_at, failed_refreshes, refresh_first_failed_at, failed_syncs, sync_first_failed_at)
        on public.integrations from hub_scanner;
    `);
  }
}
