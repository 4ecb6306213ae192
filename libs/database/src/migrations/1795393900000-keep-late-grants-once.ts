import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever commits a late answer may have to do so again, its first word lost: the answer is kept once all the same. */
export class KeepLateGrantsOnce1795393900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the owner sees no row either while the policies are forced
      alter table public.token_inbox no force row level security;
      -- of copies the first one stays; each is sealed for the same cell, so that any of them opens
      delete from public.token_inbox copy using public.token_inbox first
        where first.integration_id = copy.integration_id and first.epoch = copy.epoch and first.issued_at = copy.issued_at
          and (first.received_at, first.id) < (copy.received_at, copy.id);
      alter table public.token_inbox force row level security;
      create unique index token_inbox_once on public.token_inbox (integration_id, epoch, issued_at);
      drop index public.token_inbox_integration;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index token_inbox_integration on public.token_inbox (integration_id);
      drop index public.token_inbox_once;
    `);
  }
}
