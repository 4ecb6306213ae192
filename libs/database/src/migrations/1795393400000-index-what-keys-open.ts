import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an org's keys open is found without a look at the other orgs: in the trail too, where few events hold a sealed value. */
export class IndexWhatKeysOpen1795393400000 implements MigrationInterface {
  /** An index that is built while the apps go on writing can have none. */
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) {
      // one that was broken off stays behind, and is good for nothing
      await runner.query(`drop index concurrently if exists public.${table}_by_org`);
      await runner.query(`create index concurrently ${table}_by_org on public.${table} (org_id)`);
    }
    // a table of partitions takes none concurrently: each partition does, and is attached. Partitions to come get it by themselves
    await runner.query('drop index if exists public.audit_events_sealed');
    await runner.query(`create index audit_events_sealed on only public.audit_events ${SEALED_EVENTS}`);
    const partitions = (await runner.query(
      "select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = 'public.audit_events'::regclass",
    )) as { name: string }[];
    for (const { name } of partitions) {
      await runner.query(`drop index concurrently if exists audit.${name}_sealed`);
      await runner.query(`create index concurrently ${name}_sealed on audit.${name} ${SEALED_EVENTS}`);
      await runner.query(`alter index public.audit_events_sealed attach partition audit.${name}_sealed`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index public.audit_events_sealed');
    for (const table of TABLES) await runner.query(`drop index public.${table}_by_org`);
  }
}

const TABLES = ['data_keys', 'revocations', 'token_inbox'] as const;
const SEALED_EVENTS = "(org_id) where jsonb_path_exists(detail, '$.*.sealed')";
