import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What decides whether an API's word against a grant is believed, and takes back what was believed too soon. */
export class CreateSyncVerdictDoors1795392663000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant select (sync_failure_code, sync_failure_at, sync_settled_at) on public.integrations to hub_scanner;
      grant update (next_sync_at) on public.integrations to hub_scanner;

      -- the latest syncs of a provider, one of each integration but the one that asks: those refused for good or held, beside all
      create function hub.recent_sync_refusals(p_provider text, p_except uuid, p_within interval, p_latest integer)
      returns table (refused bigint, synced bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where latest.code in ('invalid_grant', 'provider_unavailable')), count(*)
        from (select i.sync_failure_code as code from public.integrations i
              where i.provider = p_provider and i.id <> p_except and i.sync_settled_at > now() - p_within
              order by i.sync_settled_at desc limit p_latest) latest $$;

      -- verdicts that a sync has passed, and nobody else: each grant is tried once more
      create function hub.reopen_sync_verdicts(p_provider text, p_within interval) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now(), next_sync_at = now()
          where i.provider = p_provider and i.status = 'reauth_required' and i.sync_failure_code = 'invalid_grant'
            and i.sync_failure_at = i.refresh_failure_at and i.sync_failure_at > now() - p_within
          returning 1)
        select count(*) from reopened $$;

      grant create on schema hub to hub_scanner;
      alter function hub.recent_sync_refusals(text, uuid, interval, integer) owner to hub_scanner;
      alter function hub.reopen_sync_verdicts(text, interval) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.recent_sync_refusals(text, uuid, interval, integer), hub.reopen_sync_verdicts(text, interval) from public;
      grant execute on function hub.recent_sync_refusals(text, uuid, interval, integer), hub.reopen_sync_verdicts(text, interval) to hub_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.reopen_sync_verdicts(text, interval);
      drop function hub.recent_sync_refusals(text, uuid, interval, integer);
      revoke update (next_sync_at) on public.integrations from hub_scanner;
      revoke select (sync_failure_code, sync_failure_at, sync_settled_at) on public.integrations from hub_scanner;
    `);
  }
}
