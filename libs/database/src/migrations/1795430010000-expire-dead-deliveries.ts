import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A delivery that was dead for long, and that nobody has replayed, ends: with an event, and without what it would have sent. */
export class ExpireDeadDeliveries1795430010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant select (event_id, type, failed_attempts, failure_code, first_failed_at, last_failed_at),
            update (state, data, ended_at) on public.deliveries to hub_scanner;
      create policy deliveries_expire on public.deliveries for update to hub_scanner using (true) with check (true);

      -- all rows come first and then the heads of the trails, in the order of their orgs, as with reopen_verdicts
      create function hub.expire_dead_deliveries(p_older_than interval, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_count bigint := 0;
        v_row record;
      begin
        for v_row in
          with old as (
            select d.id from public.deliveries d
            where d.state = 'dead' and d.ended_at < now() - p_older_than
            order by d.org_id, d.id limit p_most for update skip locked),
          expired as (
            update public.deliveries d set state = 'cancelled', data = null, ended_at = now()
            from old where d.id = old.id
            returning d.id, d.org_id, d.provider, d.integration_id, d.event_id, d.seq, d.type, d.failure_code, d.failed_attempts, d.first_failed_at)
          select * from expired order by org_id, seq
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), 'dead_letter.expired', v_row.provider, v_row.integration_id, 'worker', 'delivery-worker',
            jsonb_build_object('deadLetter', 'delivery-' || v_row.id, 'kind', 'delivery', 'reason', v_row.failure_code,
              'attempts', v_row.failed_attempts, 'firstFailedAt', ${isoTime('v_row.first_failed_at')},
              'delivery', v_row.event_id, 'seq', v_row.seq, 'type', v_row.type));
          v_count := v_count + 1;
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return v_count;
      end $$;

      grant create on schema hub to hub_scanner;
      alter function hub.expire_dead_deliveries(interval, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.expire_dead_deliveries(interval, integer) from public;
      grant execute on function hub.expire_dead_deliveries(interval, integer) to hub_delivery_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.expire_dead_deliveries(interval, integer);
      drop policy deliveries_expire on public.deliveries;
      revoke update (state, data, ended_at), select (event_id, type, failed_attempts, failure_code, first_failed_at, last_failed_at)
        on public.deliveries from hub_scanner;
    `);
  }
}

/** As events tell times: ISO 8601 in UTC with milliseconds. */
function isoTime(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
