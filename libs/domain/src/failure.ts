/**
 * What a provider's answer, or its absence, means for a grant. An expected refusal is a value, never a throw.
 *
 * - `definite`: the provider's word about *this* grant: only a person can mend it.
 * - `in_doubt`: asked, and no usable answer came: the grant may or may not have been spent.
 * - `transient`: surely not carried out (nothing was sent, or a throttle, or an outage page): try again later.
 * - `ours`: the provider refuses the hub itself (client secret, redirect, grant type), or the hub fails on its own (a
 *   sealed token that does not open, a credential that is not set, a bug): an operator mends it.
 */
export type FailureKind = 'definite' | 'in_doubt' | 'transient' | 'ours';

export const FAILURE_CODES = [
  'invalid_grant',
  'insufficient_scope',
  'access_denied',
  'token_refresh_failed',
  'rate_limited',
  'provider_unavailable',
  'bad_provider_response',
  'provider_misconfigured',
  'account_mismatch',
  'internal',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface Failure {
  readonly code: FailureCode;
  readonly kind: FailureKind;
  /** Fixed words or the provider's own error code; never free text of an answer, which may hold a secret. */
  readonly reason: string;
  /** How long the provider asks us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Of kind `ours`: it is about this integration alone, such as its shop or its scopes; absent: about the registration. */
  readonly concerns?: 'integration';
}

/** The kind that a code has unless its reader says otherwise. */
const USUAL_KIND: Record<FailureCode, FailureKind> = {
  invalid_grant: 'definite',
  insufficient_scope: 'definite',
  access_denied: 'definite',
  account_mismatch: 'definite',
  token_refresh_failed: 'in_doubt',
  bad_provider_response: 'in_doubt',
  rate_limited: 'transient',
  provider_unavailable: 'transient',
  provider_misconfigured: 'ours',
  internal: 'ours',
};

/** A failure of this code, of the code's usual kind. `reason` must be fixed words or a wire code. */
export function failure(
  code: FailureCode,
  reason: string,
  more: Partial<Pick<Failure, 'kind' | 'retryAfterMs' | 'concerns'>> = {},
): Failure {
  return { code, kind: USUAL_KIND[code], reason, ...more };
}

/** True for the one kind of refusal that ends a grant: a dead or revoked grant, said by its provider. */
export function endsGrant(refusal: Failure): boolean {
  return refusal.kind === 'definite' && refusal.code === 'invalid_grant';
}
