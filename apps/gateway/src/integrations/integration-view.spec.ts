import { providerCatalog, type RegisteredProvider } from '@hub/providers';
import { anIntegration } from '../../../../test/factories/integration';
import { integrationSchema, integrationView } from './integration-view';

const provider: RegisteredProvider = {
  definition: providerCatalog.find(({ id }) => id === 'google_drive')!,
  configured: true,
  credentials: null,
  requestedScopes: [],
  requiredScopes: [],
  endpointsFor: () => {
    throw new Error('nobody is asked');
  },
  tenantHost: () => null,
};

describe('an integration as callers read it', () => {
  it('has every field of the contract and no other', () => {
    const view = integrationView(provider, anIntegration());
    expect(Object.keys(view).sort()).toEqual(
      [
        'account',
        'configured',
        'createdAt',
        'expiresAt',
        'failure',
        'lastSyncAt',
        'metadata',
        'nextRefreshAt',
        'provider',
        'scope',
        'status',
        'updatedAt',
      ].sort(),
    );
    expect(integrationSchema.parse(view)).toEqual(view);
  });

  it('is not_connected with nothing but the provider where there is no row', () => {
    const view = integrationView(provider, undefined);
    const { provider: id, configured, status, metadata, ...rest } = view;
    expect([id, configured, status, metadata]).toEqual(['google_drive', true, 'not_connected', {}]);
    expect(new Set(Object.values(rest))).toEqual(new Set([null]));
    expect(integrationSchema.parse(view)).toEqual(view);
  });

  it('tells times in UTC with milliseconds', () => {
    const view = integrationView(provider, anIntegration({ expiresAt: new Date(Date.UTC(2026, 10, 22, 12, 0, 1)) }));
    expect(view.expiresAt).toBe('2026-11-22T12:00:01.000Z');
    expect(integrationView(provider, anIntegration({ expiresAt: null })).expiresAt).toBeNull();
  });

  it('tells the trouble of the refresh before that of the sync', () => {
    const at = new Date('2026-11-22T12:00:00.000Z');
    const refreshFailure = { code: 'provider_unavailable', at, attempts: 2 } as const;
    const syncFailure = { code: 'rate_limited', at, attempts: 1 } as const;
    const failureOf = (different: Parameters<typeof anIntegration>[0]) =>
      integrationView(provider, anIntegration(different)).failure;
    expect(failureOf({ refreshFailure, syncFailure })).toEqual({
      code: 'provider_unavailable',
      at: '2026-11-22T12:00:00.000Z',
      attempts: 2,
    });
    expect(failureOf({ refreshFailure: null, syncFailure })).toMatchObject({ code: 'rate_limited', attempts: 1 });
    expect(failureOf({ refreshFailure: null, syncFailure: null })).toBeNull();
  });
});
