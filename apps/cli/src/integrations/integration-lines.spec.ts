import { anIntegration, NOON } from '../../../../test/factories/integration';
import { integrationJson, integrationTable } from './integration-lines';

describe('integrations as a table', () => {
  it('stand in columns, with a dash for what is not there', () => {
    const lines = integrationTable([
      anIntegration({ lastSyncAt: null }),
      anIntegration({ status: 'reauth_required', account: null, expiresAt: null }),
    ]);
    expect(lines).toEqual([
      'PROVIDER      STATUS           ACCOUNT          EXPIRES               NEXT REFRESH          LAST SYNC             FAILURE                                  DEAD LETTERS',
      'google_drive  connected        ada@example.com  2026-11-22T12:30:00Z  2026-11-22T12:08:00Z  -                     -                                        -',
      'google_drive  reauth_required  -                -                     -                     2026-11-22T11:30:00Z  invalid_grant × 1, 2026-11-22T12:00:00Z  -',
    ]);
  });

  it('shows a sync’s failure where no refresh has failed', () => {
    const syncFailure = { code: 'rate_limited', at: NOON, attempts: 2 } as const;
    expect(integrationTable([anIntegration({ syncFailure })])[1]).toMatch(/rate_limited × 2/);
  });
});

describe('a job that ran out of tries', () => {
  const failed = { code: 'provider_unavailable', at: NOON, attempts: 5 } as const;

  it.each([
    ['none', {}, '-', []],
    ['a refresh', { status: 'refresh_failing', failedRefreshes: 5, refreshFailure: failed }, 'refresh', ['refresh']],
    ['a sync that no refresh tells of', { failedSyncs: 5, syncFailure: failed }, 'sync', ['sync']],
    ['both', { status: 'refresh_failing', failedRefreshes: 5, failedSyncs: 5 }, 'refresh, sync', ['refresh', 'sync']],
  ] as const)('shows beside the failure: %s', (_what, different, cell, deadLetters) => {
    const integration = anIntegration(different);
    expect(integrationTable([integration])[1]).toMatch(new RegExp(` {2}${cell}$`));
    expect(JSON.parse(integrationJson([integration]))).toMatchObject([{ deadLetters }]);
  });
});

describe('integrations as JSON', () => {
  it('have times as ISO 8601 and no secret', () => {
    const [integration] = JSON.parse(integrationJson([anIntegration()]));
    expect(integration).toMatchObject({
      provider: 'google_drive',
      status: 'connected',
      expiresAt: '2026-11-22T12:30:00.000Z',
      refreshFailure: null,
    });
    expect(Object.keys(integration).join()).not.toMatch(/token|inputs/i);
  });
});
