import type { TokenRow } from '@hub/database';
import { isLive, isYoung, remainingMs } from '@hub/domain';

/** What to do with a token read. */
export type TokenVerdict = 'serve' | 'refresh_first' | 'reauth_required';

/**
 * A token with enough life left is served; one with less is refreshed first, unless it is so young that the provider
 * could hardly give a longer one. `reauth_required` serves nothing, whatever is left.
 */
export function judge(
  token: Pick<TokenRow, 'status' | 'issuedAt' | 'expiresAt' | 'readAt'>,
  minTtlSeconds: number,
): TokenVerdict {
  if (token.status === 'reauth_required') return 'reauth_required';
  const remaining = remainingMs(token, token.readAt);
  if (remaining === null || remaining >= minTtlSeconds * 1000) return 'serve';
  return remaining > 0 && isYoung(token, token.readAt) ? 'serve' : 'refresh_first';
}

/** After the refresh was tried: whatever still lives is served, whatever the provider's health. */
export function judgeAfterRefresh(
  token: Pick<TokenRow, 'status' | 'expiresAt' | 'readAt'>,
): 'serve' | 'reauth_required' | 'dead' {
  if (token.status === 'reauth_required') return 'reauth_required';
  return isLive(token, token.readAt) ? 'serve' : 'dead';
}
