import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever commits a late answer may have to do so again, its first word lost: the answer is kept once all the same. */
export class KeepLateGrantsOnce1795393900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the owner sees no row either while the policies are forced
      alter table public.token_inbox no force row level security;
      -- of copies the first one stays; each is sealed for the same cell, so that any of them opens
      delete from public.token_inbox copy using public.token_inbox first
        where first.org_id = copy.org_id and first.integration_id = copy.integration_id
          and first.epoch = copy.epoch and first.issued_at = copy.issued_at
          and (first.received_at, first.id) < (copy.received_at, copy.id);
      alter table public.token_inbox force row level security;
      -- the org is part of it, so that no "duplicate key" tells one org what another has
      create unique index token_inbox_once on public.token_inbox (org_id, integration_id, epoch, issued_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index public.token_inbox_once;');
  }
}
