import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Hooks are opened again with all that was taken in while that waited for their locks, and with what died while their provider
 * was not believed. What waits for a URL that nobody brings ends as dead letters do.
 */
export class WakeAllThatWaits1795440000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant select (source, at, last_status) on public.deliveries to hub_scanner;

      -- verdicts of a time in which the provider is not believed: each hook is tried once more, with what was refused and
      -- what waits for it. Every hook is locked first; what is looked at by a later statement has been committed by whoever
      -- had it until then. So many hooks, and no more than have 10,000 deliveries waiting, but one at least. All rows come
      -- first and then the heads of the trails, in the order of their orgs
      create or replace function hub.reopen_hooks(p_provider text, p_since timestamptz, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_hooks uuid[];
        v_row record;
      begin
        select array_agg(id) into v_hooks from (
          select id, row_number() over in_turn as place, sum(waiting) over in_turn as rows from (
            select i.org_id, i.id,
              case when p_most is null then 0 else (
                select count(*) from public.deliveries d
                where d.integration_id = i.id and d.state = 'pending' and d.next_attempt_at is null) end as waiting
            from public.integrations i join public.delivery_settings s on s.id = i.id
            where i.provider = p_provider and i.status = 'reauth_required'
              and s.provider = p_provider and s.gone_at >= p_since and s.gone_held_at is null
            order by i.org_id, i.id limit p_most) as judged
          window in_turn as (order by org_id, id)) as counted
        where place = 1 or rows <= 10000;
        select array_agg(id) into v_hooks from (
          select i.id from public.integrations i join public.delivery_settings s on s.id = i.id
          where i.id = any (v_hooks) and i.status = 'reauth_required' and s.gone_at >= p_since and s.gone_held_at is null
          order by i.org_id, i.id for update of i, s) as locked;
        if v_hooks is null then return 0; end if;

        update public.integrations i set status = 'connected', failed_refreshes = 0, refresh_failure_code = null,
          refresh_failure_at = null, refresh_first_failed_at = null, next_sync_at = coalesce(i.next_sync_at, now()),
          metadata = i.metadata || '{"webhookStatus": "failing"}'
        where i.id = any (v_hooks);
        update public.delivery_settings s set gone_held_at = now(), gone_at = null where s.id = any (v_hooks);
        update public.deliveries d set next_attempt_at = now()
        where d.integration_id = any (v_hooks) and d.state = 'pending' and d.next_attempt_at is null;
        for v_row in
          with dead as (
            select d.id, d.org_id, d.integration_id, d.failure_code, d.failed_attempts, d.first_failed_at
            from public.deliveries d
            where d.integration_id = any (v_hooks) and d.state = 'dead' and d.failure_code = 'invalid_grant'
              and d.ended_at >= p_since and d.last_failed_at >= p_since
            order by d.org_id, d.id for update of d),
          revived as (
            update public.deliveries d set state = 'pending', next_attempt_at = now(), failed_attempts = 0, ended_at = null
            from dead where d.id = dead.id returning 1)
          select i.org_id, i.id as integration_id, 'integration.reopened' as name,
            '{"from": "reauth_required", "reason": "refused_with_many_others"}'::jsonb as detail
          from public.integrations i where i.id = any (v_hooks)
          union all
          select d.org_id, d.integration_id, 'dead_letter.replayed', ${replayed('d')}
          from dead d
          order by org_id, name desc
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), v_row.name, p_provider, v_row.integration_id, 'worker', 'delivery-worker', v_row.detail);
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return cardinality(v_hooks);
      end $$;

      -- what ran out of tries while the provider was not believed, its answer that of a hook that is gone: all its tries anew
      create function hub.revive_held_deliveries(p_provider text, p_since timestamptz, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_count bigint := 0;
        v_row record;
      begin
        for v_row in
          with dead as (
            select d.id, d.org_id, d.integration_id, d.failure_code, d.failed_attempts, d.first_failed_at
            from public.deliveries d
            where d.provider = p_provider and d.state = 'dead' and d.failure_code = 'provider_unavailable'
              and d.last_status in (404, 410) and d.ended_at >= p_since
            order by d.org_id, d.id limit p_most for update of d),
          revived as (
            update public.deliveries d set state = 'pending', next_attempt_at = now(), failed_attempts = 0, ended_at = null
            from dead where d.id = dead.id returning 1)
          select d.org_id, d.integration_id, ${replayed('d')} as detail from dead d order by d.org_id, d.id
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), 'dead_letter.replayed', p_provider, v_row.integration_id, 'worker', 'delivery-worker', v_row.detail);
          v_count := v_count + 1;
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return v_count;
      end $$;

      -- what was dead for so long, or waits so long for a URL that nobody brings. An event of the hub waits since it happened,
      -- wherever it did: else the trail would fill its place for as long again. All rows come first and then the heads of the
      -- trails, in the order of their orgs, as with reopen_verdicts
      create or replace function hub.expire_dead_deliveries(p_older_than interval, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_count bigint := 0;
        v_row record;
      begin
        for v_row in
          with dead as (
            select d.id, d.failure_code as reason, d.first_failed_at
            from public.deliveries d
            where d.state = 'dead' and d.ended_at < now() - p_older_than
            order by d.org_id, d.id limit p_most for update skip locked),
          waiting as (
            select d.id, 'reauth_required' as reason, greatest(i.refresh_failure_at, ${WAITS_SINCE}) as first_failed_at
            from public.integrations i join public.deliveries d on d.integration_id = i.id
            where i.status = 'reauth_required' and i.refresh_failure_at < now() - p_older_than
              and d.state = 'pending' and d.next_attempt_at is null and ${WAITS_SINCE} < now() - p_older_than
            order by d.org_id, d.id limit p_most - (select count(*) from dead) for update of d skip locked),
          expired as (
            update public.deliveries d set state = 'cancelled', data = null, ended_at = now()
            from (select * from dead union all select * from waiting) as old where d.id = old.id
            returning d.id, d.org_id, d.provider, d.integration_id, d.event_id, d.seq, d.type, d.failed_attempts, old.reason, old.first_failed_at)
          select * from expired order by org_id, seq
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), 'dead_letter.expired', v_row.provider, v_row.integration_id, 'worker', 'delivery-worker',
            jsonb_build_object('deadLetter', 'delivery-' || v_row.id, 'kind', 'delivery', 'reason', v_row.reason,
              'attempts', v_row.failed_attempts, 'firstFailedAt', ${isoTime('v_row.first_failed_at')},
              'delivery', v_row.event_id, 'seq', v_row.seq, 'type', v_row.type));
          v_count := v_count + 1;
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return v_count;
      end $$;

      grant create on schema hub to hub_scanner;
      alter function hub.revive_held_deliveries(text, timestamptz, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.revive_held_deliveries(text, timestamptz, integer) from public;
      grant execute on function hub.revive_held_deliveries(text, timestamptz, integer) to hub_delivery_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.revive_held_deliveries(text, timestamptz, integer);
      create or replace function hub.reopen_hooks(p_provider text, p_since timestamptz, p_most integer) returns bigint
      language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      declare
        v_caller text := coalesce(current_setting('hub.org_id', true), '');
        v_count bigint := 0;
        v_row record;
      begin
        for v_row in
          with judged as (
            select i.id from public.integrations i join public.delivery_settings s on s.id = i.id
            where i.provider = p_provider and i.status = 'reauth_required' and s.gone_at >= p_since and s.gone_held_at is null
            order by i.org_id, i.id limit p_most for update of i, s),
          reopened as (
            update public.integrations i set status = 'connected', failed_refreshes = 0, refresh_failure_code = null,
              refresh_failure_at = null, refresh_first_failed_at = null, next_sync_at = coalesce(i.next_sync_at, now()),
              metadata = i.metadata || '{"webhookStatus": "failing"}'
            from judged where i.id = judged.id returning i.id, i.org_id),
          marked as (
            update public.delivery_settings s set gone_held_at = now(), gone_at = null
            from reopened where s.id = reopened.id returning 1),
          dead as (
            select d.id, d.org_id, d.integration_id, d.failure_code, d.failed_attempts, d.first_failed_at
            from public.deliveries d join reopened on reopened.id = d.integration_id
            where d.state = 'dead' and d.failure_code = 'invalid_grant' and d.last_failed_at >= p_since
            order by d.id for update of d),
          revived as (
            update public.deliveries d set state = 'pending', next_attempt_at = now(), failed_attempts = 0, ended_at = null
            from dead where d.id = dead.id returning 1),
          awake as (
            update public.deliveries d set next_attempt_at = now()
            from reopened where d.integration_id = reopened.id and d.state = 'pending' and d.next_attempt_at is null returning 1)
          select r.org_id, r.id as integration_id, 'integration.reopened' as name,
            '{"from": "reauth_required", "reason": "refused_with_many_others"}'::jsonb as detail
          from reopened r
          union all
          select d.org_id, d.integration_id, 'dead_letter.replayed',
            jsonb_build_object('deadLetter', 'delivery-' || d.id, 'kind', 'delivery', 'reason', d.failure_code,
              'attempts', d.failed_attempts, 'firstFailedAt', ${isoTime('d.first_failed_at')})
          from dead d
          order by org_id, name desc
        loop
          perform set_config('hub.org_id', v_row.org_id::text, true);
          perform hub.append_event(gen_random_uuid(), v_row.name, p_provider, v_row.integration_id, 'worker', 'delivery-worker', v_row.detail);
          v_count := v_count + case v_row.name when 'integration.reopened' then 1 else 0 end;
        end loop;
        perform set_config('hub.org_id', v_caller, true);
        return v_count;
      end $$;

      create or replace function hub.expire_dead_deliveries(p_older_than interval, p_most integer) returns bigint
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
      revoke select (source, at, last_status) on public.deliveries from hub_scanner;
    `);
  }
}

const WAITS_SINCE = "case d.source when 'hub' then d.at else d.created_at end";

/** What the trail tells of a letter that is tried again. */
function replayed(row: string): string {
  return `jsonb_build_object('deadLetter', 'delivery-' || ${row}.id, 'kind', 'delivery', 'reason', ${row}.failure_code,
    'attempts', ${row}.failed_attempts, 'firstFailedAt', ${isoTime(`${row}.first_failed_at`)})`;
}

/** As events tell times: ISO 8601 in UTC with milliseconds. */
function isoTime(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
