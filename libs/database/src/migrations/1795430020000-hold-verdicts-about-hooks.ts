import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So many hooks cannot all be gone at once: then that word of a provider is held, and those judged just before are tried once more. */
export class HoldVerdictsAboutHooks1795430020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- when a provider said so much of hooks that are gone that it was not believed, and when it was again. No org stands in it
      create table public.hook_holds (
        provider text primary key references public.providers (id),
        opened_at timestamptz not null default now(),
        -- null: it is not believed
        closed_at timestamptz
      );
      grant select (provider, opened_at, closed_at), insert (provider), update (opened_at, closed_at) on public.hook_holds
        to hub_delivery_worker;
      grant select (provider, opened_at, closed_at) on public.hook_holds to hub_refresh_worker;

      alter table public.delivery_settings
        -- when a send to this hook came to an end, within half a minute
        add column settled_at timestamptz,
        -- when it was last said to be gone, and believed
        add column gone_at timestamptz,
        -- when that was last said and not believed, or taken back; until a delivery is taken, or there is a new URL
        add column gone_held_at timestamptz;
      grant update (settled_at, gone_at, gone_held_at) on public.delivery_settings to hub_gateway;
      grant select (settled_at, gone_at, gone_held_at), update (settled_at, gone_at, gone_held_at)
        on public.delivery_settings to hub_delivery_worker;
      grant select (settled_at, gone_at, gone_held_at), update (gone_at, gone_held_at) on public.delivery_settings to hub_scanner;
      create policy delivery_settings_reopen on public.delivery_settings for update to hub_scanner using (true) with check (true);
      grant update (next_attempt_at, failed_attempts) on public.deliveries to hub_scanner;
      grant select (metadata), update (metadata, refresh_failure_code, refresh_failure_at, refresh_first_failed_at)
        on public.integrations to hub_scanner;

      -- hooks that were said to be gone in the last while, beside all that were sent to; what has been confirmed is no news
      create function hub.recent_hook_verdicts(p_provider text, p_within interval)
      returns table (definite bigint, settled bigint, accounts bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) filter (where is_definite), count(*), count(distinct account) filter (where is_definite)
        from (
          select i.status = 'reauth_required' and s.gone_at > now() - p_within as is_definite,
            coalesce(i.account_id, i.id::text) as account -- where nobody knows the account, each stands for itself
          from public.delivery_settings s join public.integrations i on i.id = s.id
          where s.provider = p_provider and s.settled_at > now() - p_within
            and (i.status <> 'reauth_required' or s.gone_held_at is null)) as settlement $$;

      -- verdicts of a time in which the provider is not believed: each hook is tried once more, with what was refused and
      -- what waits for it. All rows come first and then the heads of the trails, in the order of their orgs
      create function hub.reopen_hooks(p_provider text, p_since timestamptz, p_most integer) returns bigint
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

      grant create on schema hub to hub_scanner;
      alter function hub.recent_hook_verdicts(text, interval) owner to hub_scanner;
      alter function hub.reopen_hooks(text, timestamptz, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.recent_hook_verdicts(text, interval), hub.reopen_hooks(text, timestamptz, integer) from public;
      grant execute on function hub.recent_hook_verdicts(text, interval), hub.reopen_hooks(text, timestamptz, integer) to hub_delivery_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.reopen_hooks(text, timestamptz, integer);
      drop function hub.recent_hook_verdicts(text, interval);
      revoke select (metadata), update (metadata, refresh_failure_code, refresh_failure_at, refresh_first_failed_at)
        on public.integrations from hub_scanner;
      revoke update (next_attempt_at, failed_attempts) on public.deliveries from hub_scanner;
      drop policy delivery_settings_reopen on public.delivery_settings;
      alter table public.delivery_settings drop column gone_held_at, drop column gone_at, drop column settled_at;
      drop table public.hook_holds;
    `);
  }
}

/** As events tell times: ISO 8601 in UTC with milliseconds. */
function isoTime(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
