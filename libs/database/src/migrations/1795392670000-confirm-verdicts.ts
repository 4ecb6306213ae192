import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A refusal that was not believed is tried once more after its breaker has closed, and then believed. */
export class ConfirmVerdicts1795392670000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- when a definite refusal of this grant was not believed, or lifted; until a grant
      alter table public.integrations add column refusal_held_at timestamptz;
      grant select (refusal_held_at) on public.integrations to hub_gateway, hub_scanner;
      grant update (refusal_held_at, next_sync_at) on public.integrations to hub_scanner;

      -- a closed breaker stays as a row: what was refused before its closing and is refused after it is dead
      alter table public.provider_breakers add column closed_at timestamptz;

      -- what has been confirmed by a second refusal is no news about the provider
      create or replace function hub.recent_verdicts(p_provider text, p_within interval) returns table (definite bigint, settled bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where i.status = 'reauth_required' and i.refresh_failure_at > now() - p_within), count(*)
        from public.integrations i
        where i.provider = p_provider and i.settled_at > now() - p_within
          and (i.status <> 'reauth_required' or i.refusal_held_at is null) $$;

      -- verdicts of a time in which the provider is not believed: each grant is tried once more, and only once
      create or replace function hub.reopen_verdicts(p_provider text, p_since timestamptz) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now(), refusal_held_at = now(),
            next_sync_at = coalesce(i.next_sync_at, now())
          where i.provider = p_provider and i.status = 'reauth_required' and i.refresh_failure_at >= p_since
            and i.refusal_held_at is null
          returning 1)
        select count(*) from reopened $$;

      -- whom a probe asks for: somebody who is due and has not been refused since the breaker opened, the most urgent of
      -- those who can still be saved first; else whoever was refused the longest time ago
      create function hub.probe_candidate(p_provider text, p_since timestamptz)
      returns table (id uuid, org_id uuid, provider text, epoch bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select i.id, i.org_id, i.provider, i.epoch from public.integrations i
        where i.provider = p_provider and i.next_refresh_at <= now() and i.status <> 'reauth_required'
          and (i.lease_until is null or i.lease_until <= now())
        order by coalesce(i.refresh_failure_at >= p_since, false),
          case when i.refresh_failure_at >= p_since then i.refresh_failure_at end,
          coalesce(i.expires_at <= now(), true), i.expires_at
        limit 1 $$;

      grant create on schema hub to hub_scanner;
      alter function hub.probe_candidate(text, timestamptz) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.probe_candidate(text, timestamptz) from public;
      grant execute on function hub.probe_candidate(text, timestamptz) to hub_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.probe_candidate(text, timestamptz);
      create or replace function hub.recent_verdicts(p_provider text, p_within interval) returns table (definite bigint, settled bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where i.status = 'reauth_required' and i.refresh_failure_at > now() - p_within), count(*)
        from public.integrations i
        where i.provider = p_provider and i.settled_at > now() - p_within $$;
      create or replace function hub.reopen_verdicts(p_provider text, p_since timestamptz) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now()
          where i.provider = p_provider and i.status = 'reauth_required' and i.refresh_failure_at >= p_since
          returning 1)
        select count(*) from reopened $$;
      delete from public.provider_breakers where closed_at is not null;
      alter table public.provider_breakers drop column closed_at;
      revoke update (next_sync_at) on public.integrations from hub_scanner;
      alter table public.integrations drop column refusal_held_at;
    `);
  }
}
