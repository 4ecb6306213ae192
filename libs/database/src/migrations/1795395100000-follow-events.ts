import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What live status and its like need to follow trails: where they end, and a notice when one that is followed goes on. */
export class FollowEvents1795395100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the last number of these orgs' trails; an org without a trail has no row
      create function hub.event_heads(p_orgs uuid[]) returns table (org_id uuid, seq bigint)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select head.org_id, head.seq from public.audit_heads head where head.org_id = any(p_orgs) $$;

      grant create on schema hub to hub_scanner;
      alter function hub.event_heads(uuid[]) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
      set role hub_scanner;
      revoke execute on function hub.event_heads(uuid[]) from public;
      grant execute on function hub.event_heads(uuid[]) to hub_gateway;
      set role hub_owner;

      -- PostgreSQL lets only one transaction at a time commit a notice, so only trails that somebody follows have one: a
      -- follower holds, shared, the lock of his org's place among 256 (event-notices.client.ts). Whoever gets it alone here
      -- is followed by nobody; a follower who comes just then waits for the commit, and looks.
      create function hub.notice_event() returns trigger
      language plpgsql set search_path = pg_catalog, public, pg_temp as $$
      begin
        if not pg_try_advisory_xact_lock(7264020, get_byte(uuid_send(new.org_id), 15)) then
          perform pg_notify('hub_events', new.org_id::text);
        end if;
        return null;
      end $$;
      revoke execute on function hub.notice_event() from public;
      create trigger audit_events_notice after insert on public.audit_events
        for each row when (new.name <> 'token.read') execute function hub.notice_event();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger audit_events_notice on public.audit_events;
      drop function hub.notice_event(), hub.event_heads(uuid[]);
    `);
  }
}
