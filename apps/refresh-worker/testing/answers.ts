import { randomUUID } from 'node:crypto';
import type { IntegrationId, OrgId, ProviderId, Sealed } from '@hub/domain';
import type { SpooledAnswer } from '../src/spool/spooled-answer';

/** For specs: an answer of its own integration. */
export function anAnswer(): SpooledAnswer {
  return {
    orgId: randomUUID() as OrgId,
    integrationId: randomUUID() as IntegrationId,
    provider: 'any' as ProviderId,
    accountId: null,
    inputs: {},
    epoch: 1,
    claimedStatus: 'connected',
    grant: {
      accessToken: 'hub1.k1.aaaa' as Sealed,
      refreshToken: 'hub1.k1.bbbb' as Sealed,
      issuedAt: new Date('2026-11-22T12:00:00.123Z'),
      expiresAt: new Date('2026-11-22T13:00:00.123Z'),
      refreshExpiresAt: null,
      scope: undefined,
    },
    dataKey: null,
    answeredAt: new Date('2026-11-22T12:00:01Z'),
    doubt: null,
  };
}
