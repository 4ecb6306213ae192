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
      create policy audit_checkpoints_pruned on public.audit_checkpoints for insert to hub_owner with check (true);
      grant select on public.audit_checkpoints to hub_gateway, hub_worker, hub_auditor;
      create trigger audit_checkpoints_insert_only before update or delete or truncate on public.audit_checkpoints
        for each statement execute function hub.refuse_rewriting();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table public.audit_checkpoints');
  }
}
