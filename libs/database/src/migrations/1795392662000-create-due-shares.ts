import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is due of each provider, up to a share, so that one with thousands of rows overdue hides nobody. */
export class CreateDueShares1795392662000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index revocations_due_by_provider on public.revocations (provider, next_attempt_at) where next_attempt_at is not null;
      grant select (id) on public.providers to hub_scanner;
      grant select (provider, probe_at) on public.provider_breakers to hub_scanner;

      -- compared as a pair, so that each share is one stretch of the index by provider, and no row of others is read

      -- behind a breaker that stands open until its next probe everything is put off: one of its provider shows that it waits
      create function hub.due_refresh_shares(p_within interval, p_share integer)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select due.* from public.providers p
        cross join lateral (
          select case when exists (select from public.provider_breakers b where b.provider = p.id and b.probe_at > now())
            then least(p_share, 1) else p_share end as size) share
        cross join lateral (
          select i.id, i.org_id, i.provider, i.epoch, i.next_refresh_at, i.lease_until, i.expires_at
          from public.integrations i
          where (i.provider, i.next_refresh_at) >= (p.id, '-infinity') and (i.provider, i.next_refresh_at) <= (p.id, now() + p_within)
            and i.next_refresh_at is not null and i.status <> 'reauth_required'
          order by i.provider, i.next_refresh_at limit share.size) due
        order by due.next_refresh_at $$;

      create function hub.due_sync_shares(p_within interval, p_share integer)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select due.* from public.providers p
        cross join lateral (
          select i.id, i.org_id, i.provider, i.epoch, i.next_sync_at, null::timestamptz, null::timestamptz
          from public.integrations i
          where (i.provider, i.next_sync_at) >= (p.id, '-infinity') and (i.provider, i.next_sync_at) <= (p.id, now() + p_within)
            and i.next_sync_at is not null and i.status <> 'reauth_required'
          order by i.provider, i.next_sync_at limit p_share) due
        order by due.next_sync_at $$;

      create function hub.due_revocation_shares(p_within interval, p_share integer)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select due.* from public.providers p
        cross join lateral (
          select r.id, r.org_id, r.provider, 0::bigint, r.next_attempt_at, null::timestamptz, null::timestamptz
          from public.revocations r
          where (r.provider, r.next_attempt_at) >= (p.id, '-infinity') and (r.provider, r.next_attempt_at) <= (p.id, now() + p_within)
            and r.next_attempt_at is not null
          order by r.provider, r.next_attempt_at limit p_share) due
        order by due.next_attempt_at $$;

      grant create on schema hub to hub_scanner;
      alter function hub.due_refresh_shares(interval, integer) owner to hub_scanner;
      alter function hub.due_sync_shares(interval, integer) owner to hub_scanner;
      alter function hub.due_revocation_shares(interval, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.due_refresh_shares(interval, integer), hub.due_sync_shares(interval, integer),
        hub.due_revocation_shares(interval, integer) from public;
      grant execute on function hub.due_refresh_shares(interval, integer), hub.due_sync_shares(interval, integer),
        hub.due_revocation_shares(interval, integer) to hub_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.due_revocation_shares(interval, integer);
      drop function hub.due_sync_shares(interval, integer);
      drop function hub.due_refresh_shares(interval, integer);
      revoke select (provider, probe_at) on public.provider_breakers from hub_scanner;
      revoke select (id) on public.providers from hub_scanner;
      drop index public.revocations_due_by_provider;
    `);
  }
}
