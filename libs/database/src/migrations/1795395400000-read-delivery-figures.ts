import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What gauges and runbooks tell of all deliveries together, without an id of any. */
export class ReadDeliveryFigures1795395400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create function hub.delivery_figures()
      returns table (dead bigint, oldest_due double precision, for_time bigint, for_circuit bigint, for_url bigint, open_circuits bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        with circuits as (
          select s.id, s.open_until > now() as stands_open from public.delivery_settings s where s.open_until is not null
        ), pending as (
          select d.next_attempt_at, d.lease_until, coalesce(c.stands_open, false) as is_held
          from public.deliveries d left join circuits c on c.id = d.integration_id where d.state = 'pending'
        )
        select (select count(*) from public.deliveries d where d.state = 'dead'),
          coalesce(max(extract(epoch from now() - greatest(p.next_attempt_at, p.lease_until)))
            filter (where p.next_attempt_at <= now() and not p.is_held and (p.lease_until is null or p.lease_until <= now())), 0)::float8,
          count(*) filter (where p.next_attempt_at is not null and not p.is_held),
          count(*) filter (where p.next_attempt_at is not null and p.is_held),
          count(*) filter (where p.next_attempt_at is null),
          (select count(*) from circuits)
        from pending p $$;

      grant create on schema hub to hub_scanner;
      alter function hub.delivery_figures() owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.delivery_figures() from public;
      grant execute on function hub.delivery_figures() to hub_delivery_worker, hub_refresh_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function hub.delivery_figures();');
  }
}
