import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which grants are of a connect before is told by the epoch, not by clocks alone. */
export class NoteEpochsOfConnects1795393910000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the epoch that the latest connect began; a grant of an older one is of a connect before. 0: by the time alone,
      -- as for rows of an earlier release
      alter table public.integrations add column connected_epoch bigint not null default 0;
      grant select (connected_epoch), update (connected_epoch) on public.integrations to hub_gateway;
      grant select (connected_epoch) on public.integrations to hub_refresh_worker, hub_sync_worker;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table public.integrations drop column connected_epoch;');
  }
}
