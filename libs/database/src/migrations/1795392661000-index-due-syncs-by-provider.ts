import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What falls due of one provider, found without a look at the others. */
export class IndexDueSyncsByProvider1795392661000 implements MigrationInterface {
  /** An index that is built while the apps go on writing can have none. */
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // one that was broken off stays behind, and is good for nothing
    await runner.query('drop index concurrently if exists public.integrations_due_sync_by_provider');
    await runner.query(`
      create index concurrently integrations_due_sync_by_provider on public.integrations (provider, next_sync_at)
      where next_sync_at is not null
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index public.integrations_due_sync_by_provider');
  }
}
