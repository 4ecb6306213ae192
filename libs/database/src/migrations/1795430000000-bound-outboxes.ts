import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The hub's own events wait in the trail while there is no room for them, and since when they do is known. */
export class BoundOutboxes1795430000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- since when events of the trail wait for room: the cursor stays before them until there is some; null: none wait
      alter table public.delivery_settings add column outbox_full_since timestamptz;
      grant select (outbox_full_since), update (outbox_full_since) on public.delivery_settings to hub_gateway, hub_delivery_worker;
      grant select (outbox_full_since) on public.delivery_settings to hub_scanner;

      -- what gauges tell of bounds that are reached: integrations whose events of the trail wait for room
      create function hub.delivery_bounds() returns table (full_outboxes bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select count(*) from public.delivery_settings s where s.events <> '{}' and s.outbox_full_since is not null $$;

      grant create on schema hub to hub_scanner;
      alter function hub.delivery_bounds() owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.delivery_bounds() from public;
      grant execute on function hub.delivery_bounds() to hub_delivery_worker, hub_refresh_worker;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.delivery_bounds();
      alter table public.delivery_settings drop column outbox_full_since;
    `);
  }
}
