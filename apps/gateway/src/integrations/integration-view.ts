import { STATUSES, type Integration, type StandingFailure } from '@hub/domain';
import type { RegisteredProvider } from '@hub/providers';
import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 }).describe('ISO 8601, UTC, milliseconds');

/** An integration as callers read it (contract §3). */
export const integrationSchema = z
  .strictObject({
    provider: z.string(),
    configured: z.boolean().describe('false: the provider has no credentials here'),
    status: z.enum([...STATUSES, 'not_connected']),
    scope: z.string().nullable().describe('granted scopes, space separated, implied reads expanded'),
    account: z.strictObject({ id: z.string(), label: z.string() }).nullable(),
    expiresAt: time.nullable(),
    nextRefreshAt: time.nullable(),
    lastSyncAt: time
      .nullable()
      .describe("the credential's last success at the provider, by refresh or sync; strictly increasing"),
    metadata: z.record(z.string(), z.unknown()),
    failure: z.strictObject({ code: z.string(), at: time, attempts: z.int() }).nullable(),
    createdAt: time.nullable(),
    updatedAt: time.nullable(),
  })
  .meta({ id: 'Integration' });

export type IntegrationView = z.infer<typeof integrationSchema>;

/** @param integration `undefined` where the org has none for this provider */
export function integrationView(provider: RegisteredProvider, integration: Integration | undefined): IntegrationView {
  const known = { provider: provider.definition.id, configured: provider.configured };
  if (!integration) {
    return {
      ...known,
      status: 'not_connected',
      scope: null,
      account: null,
      expiresAt: null,
      nextRefreshAt: null,
      lastSyncAt: null,
      metadata: {},
      failure: null,
      createdAt: null,
      updatedAt: null,
    };
  }
  return {
    ...known,
    status: integration.status,
    scope: integration.scope,
    account: integration.account,
    expiresAt: iso(integration.expiresAt),
    nextRefreshAt: iso(integration.nextRefreshAt),
    lastSyncAt: iso(integration.lastSyncAt),
    metadata: { ...integration.metadata },
    failure: failureView(integration.refreshFailure ?? integration.syncFailure),
    createdAt: iso(integration.createdAt),
    updatedAt: iso(integration.updatedAt),
  };
}

export function failureView(failure: StandingFailure | null): IntegrationView['failure'] {
  return failure && { code: failure.code, at: failure.at.toISOString(), attempts: failure.attempts };
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
