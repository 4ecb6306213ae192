import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each word about a hook that is gone looks at few settings, and each look for letters that are old at these alone. */
export class IndexVerdictsAboutHooks1795440010000 implements MigrationInterface {
  /** An index that is built while the apps go on writing can have none. */
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const [name, of] of Object.entries(INDEXES)) {
      // one that was broken off stays behind, and is good for nothing
      await runner.query(`drop index concurrently if exists public.${name}`);
      await runner.query(`create index concurrently ${name} on public.${of}`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(INDEXES)) await runner.query(`drop index public.${name}`);
  }
}

const INDEXES = {
  deliveries_dead_since: "deliveries (ended_at) where state = 'dead'",
  delivery_settings_settled: 'delivery_settings (provider, settled_at) where settled_at is not null',
  delivery_settings_gone: 'delivery_settings (provider, gone_at) where gone_at is not null',
} as const;
