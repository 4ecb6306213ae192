import type { HubConfig } from '@hub/config';

/** The origins whose pages may use the API with what their browser holds: the hub's own and those of the allowed return URLs. */
export function allowedOrigins({
  publicUrl,
  redirectAllowList,
}: Pick<HubConfig, 'publicUrl' | 'redirectAllowList'>): ReadonlySet<string> {
  return new Set([publicUrl, ...redirectAllowList].map((url) => new URL(url).origin));
}
