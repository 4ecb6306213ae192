import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What sealing and verifying see across orgs: where each chain ends, and which orgs have events. No event itself. */
export class CreateAuditDoors1795392820000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create policy audit_heads_for_seals on public.audit_heads for select to hub_scanner using (true);
      grant select (org_id, seq, hash) on public.audit_heads to hub_scanner;
      create policy audit_events_for_orgs on public.audit_events for select to hub_scanner using (true);
      grant select (org_id) on public.audit_events to hub_scanner;
      create policy audit_checkpoints_for_orgs on public.audit_checkpoints for select to hub_scanner using (true);
      grant select (org_id) on public.audit_checkpoints to hub_scanner;

      -- the heads in the order of their orgs, from one of them on
      create function hub.audit_heads_from(p_from uuid, p_limit integer) returns table (org_id uuid, seq bigint, hash bytea)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        select head.org_id, head.seq, head.hash from public.audit_heads head
        where head.org_id >= p_from order by head.org_id limit p_limit $$;

      -- orgs that have anything in the trail, also where a head is missing; each is found by one look into the index
      create function hub.audit_orgs_from(p_from uuid, p_limit integer) returns table (org_id uuid)
      language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
        with recursive with_events as (
          (select e.org_id from public.audit_events e where e.org_id >= p_from order by e.org_id limit 1)
          union all
          select (select e.org_id from public.audit_events e where e.org_id > with_events.org_id order by e.org_id limit 1)
          from with_events where with_events.org_id is not null
        )
        select found.org_id from (
          (select with_events.org_id from with_events where with_events.org_id is not null limit p_limit)
          union
          (select h.org_id from public.audit_heads h where h.org_id >= p_from order by h.org_id limit p_limit)
          union
          (select c.org_id from public.audit_checkpoints c where c.org_id >= p_from order by c.org_id limit p_limit)
        ) as found order by found.org_id limit p_limit $$;

      grant create on schema hub to hub_scanner;
      alter function hub.audit_heads_from(uuid, integer) owner to hub_scanner;
      alter function hub.audit_orgs_from(uuid, integer) owner to hub_scanner;
      revoke create on schema hub from hub_scanner;
    `);
    await runner.query(`
      set role hub_scanner;
      revoke execute on function hub.audit_heads_from(uuid, integer), hub.audit_orgs_from(uuid, integer) from public;
      grant execute on function hub.audit_heads_from(uuid, integer), hub.audit_orgs_from(uuid, integer) to hub_worker, hub_auditor;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.audit_orgs_from(uuid, integer);
      drop function hub.audit_heads_from(uuid, integer);
      drop policy audit_checkpoints_for_orgs on public.audit_checkpoints;
      drop policy audit_events_for_orgs on public.audit_events;
      drop policy audit_heads_for_seals on public.audit_heads;
      revoke select (org_id) on public.audit_checkpoints from hub_scanner;
      revoke select (org_id) on public.audit_events from hub_scanner;
      revoke select (org_id, seq, hash) on public.audit_heads from hub_scanner;
    `);
  }
}
