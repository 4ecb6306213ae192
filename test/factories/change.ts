import { randomUUID } from 'node:crypto';
import { afterConnect, type Actor, type Change, type Sealed, type SealedGrant } from '@hub/domain';
import { aGrant } from './integration';

/** Somebody, for the audit trail. */
export const ADA: Actor = { type: 'user', id: 'ada' };
export const WORKER: Actor = { type: 'worker', id: 'refresh-worker' };

/** A grant that was asked for just now, ends in an hour, and is unlike any other. */
export function aFreshGrant(different: Partial<SealedGrant> = {}): SealedGrant {
  const now = new Date();
  return aGrant({
    accessToken: `sealed-access-${randomUUID()}` as Sealed,
    refreshToken: `sealed-refresh-${randomUUID()}` as Sealed,
    issuedAt: now,
    expiresAt: new Date(now.getTime() + 3_600_000),
    ...different,
  });
}

/** What a completed connect wants written. */
export function aConnect(different: Partial<Parameters<typeof afterConnect>[0]> = {}): Change {
  return afterConnect(
    {
      grant: aFreshGrant(),
      account: { id: 'account-1', label: 'ada@example.com' },
      inputs: {},
      metadata: {},
      refreshable: true,
      again: false,
      ...different,
    },
    new Date(),
    0.5,
  );
}
