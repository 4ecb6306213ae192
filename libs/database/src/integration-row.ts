import type {
  FailureCode,
  Integration,
  IntegrationId,
  IntegrationPatch,
  OrgId,
  ProviderId,
  StandingFailure,
  Status,
} from '@hub/domain';
import type { IntegrationEntity } from './entities';

/** A row as the domain sees it. */
export function toIntegration(row: IntegrationEntity): Integration {
  return {
    id: row.id as IntegrationId,
    orgId: row.orgId as OrgId,
    provider: row.provider as ProviderId,
    status: row.status as Status,
    account: row.accountId === null ? null : { id: row.accountId, label: row.accountLabel ?? row.accountId },
    inputs: row.inputs,
    scope: row.scope,
    issuedAt: row.issuedAt,
    expiresAt: row.expiresAt,
    refreshExpiresAt: row.refreshExpiresAt,
    nextRefreshAt: row.nextRefreshAt,
    failedRefreshes: row.failedRefreshes,
    inDoubtSince: row.inDoubtSince,
    refreshFailure: standing(row.refreshFailureCode, row.refreshFailureAt, row.failedRefreshes),
    failedSyncs: row.failedSyncs,
    syncFailure: standing(row.syncFailureCode, row.syncFailureAt, row.failedSyncs),
    lastSyncAt: row.lastSyncAt,
    nextSyncAt: row.nextSyncAt,
    metadata: row.metadata,
    epoch: row.epoch,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

function standing(code: string | null, at: Date | null, attempts: number): StandingFailure | null {
  return code === null || at === null ? null : { code: code as FailureCode, at, attempts };
}

/** SQL that writes a patch: assignments for UPDATE with their values, numbered from `$first` on. Only the patch's own columns are touched. */
export interface Assignments {
  readonly sql: string[];
  readonly values: unknown[];
}

/** @param first the number of the first free placeholder */
export function patchAssignments(patch: IntegrationPatch, first: number): Assignments {
  const sql: string[] = [];
  const values: unknown[] = [];
  for (const [column, value] of Object.entries(patchColumns(patch))) {
    values.push(value);
    sql.push(`${column} = $${first + values.length - 1}`);
  }
  for (const [column, failure] of [
    ['refresh_first_failed_at', patch.refreshFailure],
    ['sync_first_failed_at', patch.syncFailure],
  ] as const) {
    if (!failure) continue;
    values.push(failure.at);
    sql.push(`${column} = coalesce(${column}, $${first + values.length - 1})`);
  }
  if (patch.workedAt) {
    values.push(patch.workedAt);
    // strictly increasing to the millisecond, whatever the clocks say
    sql.push(
      `last_sync_at = greatest(date_trunc('milliseconds', $${first + values.length - 1}::timestamptz), last_sync_at + interval '1 millisecond')`,
    );
  }
  // whoever lifts a verdict has the metadata synced again, also one who does not know that there was one
  if (patch.status !== undefined && patch.status !== 'reauth_required' && patch.nextSyncAt === undefined)
    sql.push(
      "next_sync_at = case when status = 'reauth_required' then coalesce(next_sync_at, now()) else next_sync_at end",
    );
  sql.push('updated_at = now()');
  return { sql, values };
}

/** The plain columns of a patch, by column name; what is absent is not named. The first of several failures is not plain. */
export function patchColumns(patch: IntegrationPatch): Record<string, unknown> {
  return defined({
    status: patch.status,
    ...grantColumns(patch.grant),
    account_id: patch.account?.id,
    account_label: patch.account?.label,
    inputs: patch.inputs,
    next_refresh_at: patch.nextRefreshAt,
    failed_refreshes: patch.failedRefreshes,
    refusal_held_at: patch.refusalHeldAt,
    in_doubt_since: patch.inDoubtSince,
    ...failureColumns('refresh', patch.refreshFailure),
    metadata: patch.metadata,
    next_sync_at: patch.nextSyncAt,
    failed_syncs: patch.failedSyncs,
    ...failureColumns('sync', patch.syncFailure),
  });
}

function failureColumns(job: 'refresh' | 'sync', failure: IntegrationPatch['refreshFailure']): Record<string, unknown> {
  if (failure === undefined) return {};
  return {
    [`${job}_failure_code`]: failure?.code ?? null,
    [`${job}_failure_at`]: failure?.at ?? null,
    ...(failure === null && { [`${job}_first_failed_at`]: null }),
  };
}

function grantColumns(grant: IntegrationPatch['grant']): Record<string, unknown> {
  if (!grant) return {};
  return {
    access_token: grant.accessToken,
    refresh_token: grant.refreshToken,
    scope: grant.scope,
    issued_at: grant.issuedAt,
    expires_at: grant.expiresAt,
    refresh_expires_at:
      grant.refreshToken === undefined && grant.refreshExpiresAt === null ? undefined : grant.refreshExpiresAt,
  };
}

function defined(columns: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}
