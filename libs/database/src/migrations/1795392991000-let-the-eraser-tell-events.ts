import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events bring their own id, also those of whoever forgets an org. */
export class LetTheEraserTellEvents1795392991000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_disconnector;
      grant execute on function ${APPEND_EVENT} to hub_eraser;
      set role hub_owner;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      set role hub_disconnector;
      revoke execute on function ${APPEND_EVENT} from hub_eraser;
      set role hub_owner;
    `);
  }
}

const APPEND_EVENT = 'hub.append_event(uuid, text, text, uuid, text, text, jsonb)';
