import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The command line lists failed deliveries by what they are told apart: the event, never what was in it. */
export class TellDeadDeliveriesApart1795420000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('grant select (event_id, seq, type, at) on public.deliveries to hub_refresh_worker');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('revoke select (event_id, seq, type, at) on public.deliveries from hub_refresh_worker');
  }
}
