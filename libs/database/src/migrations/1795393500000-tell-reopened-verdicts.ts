import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A verdict that is taken back is told to its org, by an event in the same transaction; a mass of them in pieces. */
export class TellReopenedVerdicts1795393500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_disconnector;
      grant execute on function ${APPEND_EVENT} to hub_scanner;
      set role hub_owner;
    `);
    await runner.query(`
      -- verdicts of a time in which the provider is not believed: each grant is tried once more, and only once
      create function hub.reopen_verdicts(p_provider text, p_since timestamptz, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      ${telling({
        which: `i.provider = p_provider and i.status = 'reauth_required' and i.refresh_failure_at >= p_since
                and i.refusal_held_at is null`,
        change: 'refusal_held_at = now(), next_sync_at = coalesce(i.next_sync_at, now())',
        worker: 'refresh-worker',
      })} $$;

      -- verdicts that a sync has passed, and nobody else: each grant is tried once more
      create function hub.reopen_sync_verdicts(p_provider text, p_within interval, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      ${telling({
        which: `i.provider = p_provider and i.status = 'reauth_required' and i.sync_failure_code = 'invalid_grant'
                and i.sync_failure_at = i.refresh_failure_at and i.sync_failure_at > now() - p_within`,
        change: 'next_sync_at = now()',
        worker: 'metadata-sync-worker',
      })} $$;

      -- as the release before asks: all at once
      create or replace function hub.reopen_verdicts(p_provider text, p_since timestamptz) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        select hub.reopen_verdicts(p_provider, p_since, null) $$;
      create or replace function hub.reopen_sync_verdicts(p_provider text, p_within interval) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        select hub.reopen_sync_verdicts(p_provider, p_within, null) $$;

      grant create on schema hub to hub_scanner;
      alter function hub.reopen_verdicts(text, timestamptz, integer) owner to hub_scanner;
      alter function hub.reopen_sync_verdicts(text, interval, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.reopen_verdicts(text, timestamptz, integer), hub.reopen_sync_verdicts(text, interval, integer) from public;
      grant execute on function hub.reopen_verdicts(text, timestamptz, integer) to hub_refresh_worker;
      grant execute on function hub.reopen_sync_verdicts(text, interval, integer) to hub_sync_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create or replace function hub.reopen_verdicts(p_provider text, p_since timestamptz) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now(), refusal_held_at = now(),
            next_sync_at = coalesce(i.next_sync_at, now())
          where i.provider = p_provider and i.status = 'reauth_required' and i.refresh_failure_at >= p_since
            and i.refusal_held_at is null
          returning 1)
        select count(*) from reopened $$;
      create or replace function hub.reopen_sync_verdicts(p_provider text, p_within interval) returns bigint
      language sql security definer set search_path = pg_catalog, public, pg_temp as $$
        with reopened as (
          update public.integrations i set status = 'refresh_failing', next_refresh_at = now(), next_sync_at = now()
          where i.provider = p_provider and i.status = 'reauth_required' and i.sync_failure_code = 'invalid_grant'
            and i.sync_failure_at = i.refresh_failure_at and i.sync_failure_at > now() - p_within
          returning 1)
        select count(*) from reopened $$;
      drop function hub.reopen_verdicts(text, timestamptz, integer);
      drop function hub.reopen_sync_verdicts(text, interval, integer);
    `);
    await runner.query(`
      set role hub_disconnector;
      revoke execute on function ${APPEND_EVENT} from hub_scanner;
      set role hub_owner;
    `);
  }
}

const APPEND_EVENT = 'hub.append_event(uuid, text, text, uuid, text, text, jsonb)';

/**
 * The body of a function that takes verdicts back, `p_most` at a time, and tells each org. All rows come first and then the
 * heads of the trails, in the order of their orgs: whoever else writes has his row before his head too, and two of these
 * never wait for each other. The org is set for each event, and put back as it was.
 */
function telling({ which, change, worker }: Record<'which' | 'change' | 'worker', string>): string {
  return `declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_count bigint := 0;
        v_row record;
      begin
        for v_row in
          with judged as (
            select i.id from public.integrations i
            where ${which}
            order by i.org_id, i.id limit p_most for update),
          reopened as (
            update public.integrations i set status = 'refresh_failing', next_refresh_at = now(), ${change}
            from judged where i.id = judged.id returning i.id, i.org_id)
          select reopened.id, reopened.org_id from reopened order by reopened.org_id
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), 'integration.reopened', p_provider, v_row.id, 'worker', '${worker}',
            '{"from": "reauth_required", "reason": "refused_with_many_others"}');
          v_count := v_count + 1;
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return v_count;
      end`;
}
