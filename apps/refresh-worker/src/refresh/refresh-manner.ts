import type { RefreshState } from '@hub/domain';
import type { ProviderDefinition, RefreshRetry } from '@hub/providers';

/**
 * How a credential is kept fresh, or checked:
 *
 * - `recheck`: by the hub's own rules, nobody is called.
 * - `probe`: the API is asked whether the access token works; only a 401 is a reason to ask the token endpoint.
 * - `ask`: the token endpoint is asked.
 */
export type RefreshManner = 'recheck' | 'probe' | 'ask';

/** The manner for one integration: its provider's, unless its own grant wants another. */
export function mannerOf(
  definition: ProviderDefinition,
  integration: Pick<RefreshState, 'expiresAt' | 'refreshExpiresAt'>,
  hasRefreshToken: boolean,
): RefreshManner {
  if (definition.refresh.mode === 'recheck') return 'recheck';
  if (!hasRefreshToken) return 'probe';
  // a probe would not keep a refresh token alive, nor put off an end that this grant has all the same
  const hasEnd = integration.expiresAt !== null || integration.refreshExpiresAt !== null;
  return definition.refresh.mode === 'reactive' && !hasEnd ? 'probe' : 'ask';
}

/** For how long a provider takes a spent refresh token again, in milliseconds; `null` where its manner names no time. */
export function graceMsOf(retry: RefreshRetry): number | null {
  return retry.startsWith('grace:') ? Number(retry.slice('grace:'.length)) * 1_000 : null;
}
