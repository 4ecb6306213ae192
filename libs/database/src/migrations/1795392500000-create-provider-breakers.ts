import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Breakers that stand open, one for each registration at a provider, and what decides about them. */
export class CreateProviderBreakers1795392500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- a row is an open breaker; none is a closed one. No org stands in it, so every app may see it.
      create table public.provider_breakers (
        provider text not null references public.providers (id),
        client_id text not null,
        reason text not null check (reason in ('outage', 'refused_client', 'mass_verdict')),
        opened_at timestamptz not null default now(),
        probes integer not null default 0,
        probe_at timestamptz not null,
        primary key (provider, client_id)
      );
      grant select on public.provider_breakers to hub_gateway, hub_auditor;
      grant select, insert, update, delete on public.provider_breakers to hub_worker;

      grant select (refresh_failure_at, settled_at) on public.integrations to hub_scanner;
      grant update (status, next_refresh_at, failed_refreshes) on public.integrations to hub_scanner;
      create policy integrations_reopen on public.integrations for update to hub_scanner using (true) with check (true);

      -- grants that were refused for good in the last while, beside all refreshes that came to an end
      create function hub.recent_verdicts(p_provider text, p_within interval) returns table (definite bigint, settled bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where i.status = 'reauth_required' and i.refresh_failure_at > now() - p_within), count(*)
        from public.integrations i
        where i.provider = p_provider and i.settled_at > now() - p_within $$;

      -- verdicts of a time in which the provider is not believed: each grant is tried once more
      create function hub.reopen_verdicts(p_provider text, p_since timestamptz) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now()
          where i.provider = p_provider and i.status = 'reauth_required' and i.refresh_failure_at >= p_since
          returning 1)
        select count(*) from reopened $$;

      grant create on schema hub to hub_scanner;
      alter function hub.recent_verdicts(text, interval) owner to hub_scanner;
      alter function hub.reopen_verdicts(text, timestamptz) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.recent_verdicts(text, interval), hub.reopen_verdicts(text, timestamptz) from public;
      grant execute on function hub.recent_verdicts(text, interval), hub.reopen_verdicts(text, timestamptz) to hub_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.reopen_verdicts(text, timestamptz);
      drop function hub.recent_verdicts(text, interval);
      drop policy integrations_reopen on public.integrations;
      revoke update (status, next_refresh_at, failed_refreshes) on public.integrations from hub_scanner;
      revoke select (refresh_failure_at, settled_at) on public.integrations from hub_scanner;
      drop table public.provider_breakers;
    `);
  }
}
