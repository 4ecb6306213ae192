import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where each org's chain begins once its older events were pruned. */
export class CreateAuditCheckpoints1795392810000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table public.audit_checkpoints (
        org_id uuid not null,
        -- the last event that was pruned, and its hash: the next one names it as its predecessor
        seq bigint not null,
        hash bytea not null,
        -- events before the first of this month are in the export
        before date not null,
        -- of the exported file, so that it is found again
        export_sha256 bytea not null,
        pruned_at timestamptz not null default now(),
        primary key (org_id, seq)
      );
      alter table public.audit_checkpoints enable row level security;
      alter table public.audit_checkpoints force row level security;
      create policy audit_checkpoints_by_org on public.audit_checkpoints for select to hub_gateway, hub_worker, hub_auditor
        using (org_id = hub.current_org());
      create policy audit_checkpoints_pruned on public.audit_checkpoints for insert to hub_disconnector
        with check (org_id = hub.current_org());
      grant select on public.audit_checkpoints to hub_gateway, hub_worker, hub_auditor;
      grant insert on public.audit_checkpoints to hub_disconnector;
      create trigger audit_checkpoints_insert_only before update or delete or truncate on public.audit_checkpoints
        for each statement execute function hub.refuse_rewriting();

      -- for whoever prunes, as the tables' owner, whom the policies bind as well: one org after the other
      create function hub.add_audit_checkpoints(p_orgs uuid[], p_seqs bigint[], p_hashes bytea[], p_before date, p_export_sha256 bytea)
      returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
      begin
        for v_place in 1..cardinality(p_orgs) loop
          perform set_config('hub.org_id', p_orgs[v_place]::text, true);
          insert into public.audit_checkpoints (org_id, seq, hash, before, export_sha256)
            values (p_orgs[v_place], p_seqs[v_place], p_hashes[v_place], p_before, p_export_sha256);
        end loop;
      end $$;
      grant create on schema hub to hub_disconnector;
      alter function hub.add_audit_checkpoints(uuid[], bigint[], bytea[], date, bytea) owner to hub_disconnector;
      revoke create on schema hub from hub_disconnector;
    `);
    await runner.query(`
      set role hub_disconnector;
      revoke execute on function hub.add_audit_checkpoints(uuid[], bigint[], bytea[], date, bytea) from public;
      grant execute on function hub.add_audit_checkpoints(uuid[], bigint[], bytea[], date, bytea) to hub_owner;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function hub.add_audit_checkpoints(uuid[], bigint[], bytea[], date, bytea);
      drop table public.audit_checkpoints;
    `);
  }
}
