import {
  afterFailure,
  afterPutOff,
  afterRefresh,
  firstRefreshAt,
  isDue,
  leaseMs,
  remainingMs,
  type Change,
  type Failure,
  type RefreshState,
  type Sealed,
  type SealedGrant,
} from '@hub/domain';

/** The decisions that the model drives: the hub's own, or a spoiled copy that the model must find out. */
export interface Rules {
  readonly firstRefreshAt: typeof firstRefreshAt;
  readonly afterRefresh: typeof afterRefresh;
  readonly afterFailure: typeof afterFailure;
  readonly afterPutOff: typeof afterPutOff;
  readonly isDue: typeof isDue;
  readonly leaseMs: typeof leaseMs;
}

export const HUB_RULES: Rules = { firstRefreshAt, afterRefresh, afterFailure, afterPutOff, isDue, leaseMs };

export { remainingMs, type Change, type Failure, type RefreshState };

/** A grant of the model: only its times matter. */
export function grantAt(atMs: number, lifeMs: number): SealedGrant {
  return {
    accessToken: 'sealed' as Sealed,
    refreshToken: 'sealed' as Sealed,
    issuedAt: new Date(atMs),
    expiresAt: new Date(atMs + lifeMs),
    refreshExpiresAt: null,
    scope: undefined,
  };
}
