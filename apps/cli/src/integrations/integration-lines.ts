import { deadLetterKindsOf, type Integration, type StandingFailure } from '@hub/domain';
import { NOTHING, table, time } from '../table';

const HEAD = ['PROVIDER', 'STATUS', 'ACCOUNT', 'EXPIRES', 'NEXT REFRESH', 'LAST SYNC', 'FAILURE', 'DEAD LETTERS'];

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
      deadLetterKindsOf(integration).join(', ') || NOTHING,
    ]),
  );
}

function failure(standing: StandingFailure | null): string {
  return standing === null ? NOTHING : `${standing.code} × ${standing.attempts}, ${time(standing.at)}`;
}

/** Integrations as data for programs. */
export function integrationJson(integrations: readonly Integration[]): string {
  return JSON.stringify(
    integrations.map((integration) => ({
      id: integration.id,
      provider: integration.provider,
      status: integration.status,
      account: integration.account,
      scope: integration.scope,
      expiresAt: integration.expiresAt,
      nextRefreshAt: integration.nextRefreshAt,
      lastSyncAt: integration.lastSyncAt,
      nextSyncAt: integration.nextSyncAt,
      refreshFailure: integration.refreshFailure,
      syncFailure: integration.syncFailure,
      deadLetters: deadLetterKindsOf(integration),
      metadata: integration.metadata,
      createdAt: integration.createdAt,
      updatedAt: integration.updatedAt,
    })),
    null,
    2,
  );
}
