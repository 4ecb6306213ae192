import type { ProviderFigures } from '@hub/database';

/** What is told of a provider that PostgreSQL has no row of yet: nobody has connected it. */
export const NO_FIGURES: Omit<ProviderFigures, 'provider'> = {
  byStatus: { connected: 0, refresh_failing: 0, reauth_required: 0 },
  lapsed: 0,
  byStreak: { '1': 0, '2': 0, '3': 0, gt3: 0 },
  windowElapsed: 0,
  minRemaining: null,
  syncStaleness: 0,
  syncOverdue: 0,
  deadLetters: { refresh: 0, sync: 0, revocation: 0 },
  oldest: { refresh: 0, sync: 0, revocation: 0 },
  oldestGrant: 0,
};
