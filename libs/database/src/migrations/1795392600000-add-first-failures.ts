import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Since when refreshes and syncs fail, and the gateway's rights on what ran out of tries. */
export class AddFirstFailures1795392600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- the first failure in a row: set by it, kept by those that follow, cleared by a success
      alter table public.integrations
        add column refresh_first_failed_at timestamptz,
        add column sync_first_failed_at timestamptz;
      grant select (refresh_first_failed_at, sync_first_failed_at) on public.integrations to hub_gateway;

      -- a revocation without a next attempt ran out of tries: the gateway shows it, and may have it tried anew
      create index revocations_dead on public.revocations (org_id) where next_attempt_at is null;
      grant select (next_attempt_at, failed_attempts, failure_code, first_failed_at, last_failed_at),
            update (next_attempt_at, failed_attempts) on public.revocations to hub_gateway;
    `);
    await runner.query(`
      -- the owner sees no row either while the policies are forced
      alter table public.integrations no force row level security;
      alter table public.audit_events no force row level security;
      update public.integrations i set
        refresh_first_failed_at = ${firstFailure('refresh_failure_at', 'refresh.failed', 'refresh.succeeded')},
        sync_first_failed_at = ${firstFailure('sync_failure_at', 'sync.failed', 'sync.completed')}
      where i.refresh_failure_at is not null or i.sync_failure_at is not null;
      alter table public.audit_events force row level security;
      alter table public.integrations force row level security;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      revoke select (next_attempt_at, failed_attempts, failure_code, first_failed_at, last_failed_at),
             update (next_attempt_at, failed_attempts) on public.revocations from hub_gateway;
      drop index public.revocations_dead;
      alter table public.integrations drop column refresh_first_failed_at, drop column sync_first_failed_at;
    `);
  }
}

/** What a row does not know any more the trail tells: the first failure since the last success. Without it the last one must do. */
function firstFailure(failureAt: string, failed: string, worked: string): string {
  const trail = 'e.org_id = i.org_id and e.provider = i.provider and e.integration_id = i.id';
  return `case when i.${failureAt} is not null then least(i.${failureAt}, (
          select min(e.at) from public.audit_events e where ${trail} and e.name = '${failed}' and e.seq > coalesce((
            select max(e.seq) from public.audit_events e where ${trail} and e.name in ('${worked}', 'integration.connected')), 0))) end`;
}
