import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever forgets an org waits for the connects that are exchanging a code just now: their grants have to go back as well. */
export class WaitForConnects1795393700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- connects that were under way have stored their grant or given it back until then
      alter table public.forgotten_orgs add column connects_until timestamptz;
      grant select (connects_until) on public.forgotten_orgs to hub_gateway, hub_worker, hub_auditor, hub_eraser;
      grant update (connects_until) on public.forgotten_orgs to hub_eraser;
      grant select (status, expires_at) on public.flows to hub_eraser;

      -- how much of what goes was sealed by no data key
      set role hub_rotator;
      grant execute on function hub.sealed_places() to hub_eraser;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_rotator;
      revoke execute on function hub.sealed_places() from hub_eraser;
      set role hub_owner;
      revoke select (status, expires_at) on public.flows from hub_eraser;
      alter table public.forgotten_orgs drop column connects_until;
    `);
  }
}
