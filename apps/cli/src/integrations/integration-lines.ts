import type { Integration, StandingFailure } from '@hub/domain';
import { table } from '../table';

const NOTHING = '-';
const HEAD = ['PROVIDER', 'STATUS', 'ACCOUNT', 'EXPIRES', 'NEXT REFRESH', 'LAST SYNC', 'FAILURE'];

/** Integrations as a table for people. */
export function integrationTable(integrations: readonly Integration[]): string[] {
  return table(
    HEAD,
    integrations.map((integration) => [
      integration.provider,
      integration.status,
      integration.account?.label ?? NOTHING,
      time(integration.expiresAt),
      time(integration.nextRefreshAt),
      time(integration.lastSyncAt),
      failure(integration.refreshFailure ?? integration.syncFailure),
    ]),
  );
}

function time(at: Date | null): string {
  return at === null ? NOTHING : at.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function failure(standing: StandingFailure | null): string {
  return standing === null ? NOTHING : `${standing.code} × ${standing.attempts}, ${time(standing.at)}`;
}

/** Integrations as data for programs. */
export function integrationJson(integrations: readonly Integration[]): string {
  return JSON.stringify(
    integrations.map(({ id, provider, status, account, scope, expiresAt, nextRefreshAt, lastSyncAt, ...more }) => ({
      id,
      provider,
      status,
      account,
      scope,
      expiresAt,
      nextRefreshAt,
      lastSyncAt,
      nextSyncAt: more.nextSyncAt,
      refreshFailure: more.refreshFailure,
      syncFailure: more.syncFailure,
      metadata: more.metadata,
      createdAt: more.createdAt,
      updatedAt: more.updatedAt,
    })),
    null,
    2,
  );
}
