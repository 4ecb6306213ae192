import { randomUUID } from 'node:crypto';
import type {
  Failure,
  FailureCode,
  Integration,
  IntegrationId,
  OrgId,
  ProviderId,
  Sealed,
  SealedGrant,
  Status,
} from '@hub/domain';

const MINUTE_MS = 60_000;

/** The time at which tests stand unless they say otherwise. */
export const NOON = new Date('2026-11-22T12:00:00.000Z');

/** `minutes` after noon, or before it. */
export function minutesFromNoon(minutes: number): Date {
  return new Date(NOON.getTime() + minutes * MINUTE_MS);
}

/** What a status implies, seen at noon: a token of an hour's life, granted half an hour ago. */
const IMPLIED: Record<Status, Partial<Integration>> = {
  connected: { nextRefreshAt: minutesFromNoon(8), failedRefreshes: 0, refreshFailure: null },
  refresh_failing: {
    nextRefreshAt: minutesFromNoon(2),
    failedRefreshes: 2,
    refreshFailure: { code: 'provider_unavailable', at: NOON, attempts: 2 },
  },
  reauth_required: {
    nextRefreshAt: null,
    nextSyncAt: null,
    failedRefreshes: 1,
    refreshFailure: { code: 'invalid_grant', at: NOON, attempts: 1 },
  },
};

/** An integration that is whole: what its status implies is filled in. */
export function anIntegration(different: Partial<Integration> = {}): Integration {
  return {
    id: randomUUID() as IntegrationId,
    orgId: randomUUID() as OrgId,
    provider: 'google_drive' as ProviderId,
    status: 'connected',
    account: { id: 'account-1', label: 'ada@example.com' },
    inputs: {},
    scope: 'https://www.googleapis.com/auth/drive.file',
    issuedAt: minutesFromNoon(-30),
    expiresAt: minutesFromNoon(30),
    refreshExpiresAt: null,
    nextRefreshAt: null,
    failedRefreshes: 0,
    inDoubtSince: null,
    refreshFailure: null,
    failedSyncs: 0,
    syncFailure: null,
    lastSyncAt: minutesFromNoon(-30),
    nextSyncAt: minutesFromNoon(30),
    metadata: {},
    epoch: 1,
    createdAt: minutesFromNoon(-30),
    updatedAt: minutesFromNoon(-30),
    ...IMPLIED[different.status ?? 'connected'],
    ...different,
  };
}

/** A sealed grant of an hour's life, asked for at noon. */
export function aGrant(different: Partial<SealedGrant> = {}): SealedGrant {
  return {
    accessToken: 'sealed-access-token' as Sealed,
    refreshToken: 'sealed-refresh-token' as Sealed,
    issuedAt: NOON,
    expiresAt: minutesFromNoon(60),
    refreshExpiresAt: null,
    scope: 'https://www.googleapis.com/auth/drive.file',
    ...different,
  };
}

/** Failures by what they mean, each as a provider would cause it. */
export const FAILURES = {
  revoked: { code: 'invalid_grant', kind: 'definite', reason: 'invalid_grant' },
  lost: { code: 'token_refresh_failed', kind: 'in_doubt', reason: 'no_answer' },
  down: { code: 'provider_unavailable', kind: 'transient', reason: 'status_503' },
  throttled: { code: 'rate_limited', kind: 'transient', reason: 'status_429', retryAfterMs: 90_000 },
  wrongSecret: { code: 'provider_misconfigured', kind: 'ours', reason: 'invalid_client' },
  unopened: { code: 'internal', kind: 'ours', reason: 'refresh_token_not_authentic' },
} as const satisfies Record<string, Failure & { code: FailureCode }>;
