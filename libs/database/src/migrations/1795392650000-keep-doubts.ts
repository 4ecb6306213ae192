import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Since when the answer to a refresh may be lost: no later failure makes that forgotten. */
export class KeepDoubts1795392650000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- from the first refresh token that was presented without a usable answer, until a grant or a verdict
      alter table public.integrations add column in_doubt_since timestamptz;
      grant select (in_doubt_since) on public.integrations to hub_gateway;

      -- what only the code of the last failure told until now; forced policies hide every row from the owner
      alter table public.integrations no force row level security;
      update public.integrations set in_doubt_since = refresh_failure_at
        where status = 'refresh_failing' and refresh_failure_code = 'token_refresh_failed';
      alter table public.integrations force row level security;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table public.integrations drop column in_doubt_since;');
  }
}
