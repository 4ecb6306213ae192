import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Behind an open breaker nobody is asked; but a grant that lies in the inbox is stored without a question, so it is told as due. */
export class ShareWhatWaitsInTheInbox1795440020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create policy token_inbox_scan on public.token_inbox for select to hub_scanner using (true);
      grant select (org_id, integration_id, epoch, issued_at) on public.token_inbox to hub_scanner;
      grant select (connected_epoch, issued_at) on public.integrations to hub_scanner;

      -- compared as a pair, so that each share is one stretch of the index by provider, and no row of others is read

      -- behind a breaker that stands open until its next probe everything is put off: one of its provider shows that it waits,
      -- and beside it come all, up to the share, that a late grant waits for which may replace their own
      create or replace function hub.due_refresh_shares(p_within interval, p_share integer)
      returns table (id uuid, org_id uuid, provider text, epoch bigint, due_at timestamptz, leased_until timestamptz, ends_at timestamptz)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select due.* from public.providers p
        cross join lateral (
          select exists (select from public.provider_breakers b where b.provider = p.id and b.probe_at > now()) as is_open) breaker
        cross join lateral (
          (select i.id, i.org_id, i.provider, i.epoch, i.next_refresh_at, i.lease_until, i.expires_at
          from public.integrations i
          where (i.provider, i.next_refresh_at) >= (p.id, '-infinity') and (i.provider, i.next_refresh_at) <= (p.id, now() + p_within)
            and i.next_refresh_at is not null and i.status <> 'reauth_required'
          order by i.provider, i.next_refresh_at limit case when breaker.is_open then least(p_share, 1) else p_share end)
          union
          (select i.id, i.org_id, i.provider, i.epoch, i.next_refresh_at, i.lease_until, i.expires_at
          from public.integrations i
          where breaker.is_open and i.provider = p.id and i.next_refresh_at <= now() + p_within and i.status <> 'reauth_required'
            and exists (
              select from public.token_inbox late
              where late.org_id = i.org_id and late.integration_id = i.id and late.epoch >= i.connected_epoch
                and late.issued_at > greatest(i.issued_at, i.connected_at))
          order by i.next_refresh_at limit p_share)) due
        order by due.next_refresh_at $$;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create or replace function hub.due_refresh_shares(p_within interval, p_share integer)
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
      revoke select (connected_epoch, issued_at) on public.integrations from hub_scanner;
      revoke select (org_id, integration_id, epoch, issued_at) on public.token_inbox from hub_scanner;
      drop policy token_inbox_scan on public.token_inbox;
    `);
  }
}
