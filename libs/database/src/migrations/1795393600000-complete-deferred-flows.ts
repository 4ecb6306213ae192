import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Flows that the backend of a product completes by a handle, and codes that wait no longer than they live. */
export class CompleteDeferredFlows1795393600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table public.flows
        add column completion text not null default 'browser' constraint flows_completion_check check (completion in ('browser', 'deferred')),
        -- of the handle that the browser takes to the backend, as SHA-256; it stays, so that a used one is told from a guess
        add column handle_hash bytea;
      grant select (completion, handle_hash), insert (completion), update (handle_hash, expires_at) on public.flows to hub_gateway;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      revoke update (expires_at) on public.flows from hub_gateway;
      alter table public.flows drop column handle_hash, drop column completion;
    `);
  }
}
