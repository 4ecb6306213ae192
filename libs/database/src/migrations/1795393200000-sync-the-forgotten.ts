import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A verdict of a sync that a refresh overtook ended the syncs of a row that went on: they begin again, spread over an hour. */
export class SyncTheForgotten1795393200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_scanner;
      update public.integrations set next_sync_at = now() + random() * interval '1 hour'
      where status <> 'reauth_required' and next_sync_at is null;
      set role hub_owner;
    `);
  }

  /** Nothing to undo: which rows had none is not known any more. */
  async down(): Promise<void> {}
}
