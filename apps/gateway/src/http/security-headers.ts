import type { HubConfig } from '@hub/config';

/** A year, as browsers ask of those who mean it. */
const HSTS_SECONDS = 31_536_000;

/**
 * Headers of every answer, whatever it is; a page puts its own policy over the one here, under which nothing runs, loads
 * or is framed. There is no Cross-Origin-Opener-Policy: it would cut a product's window off from the connect that it
 * opened in another.
 */
export function securityHeaders({ publicUrl }: Pick<HubConfig, 'publicUrl'>): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': `max-age=${HSTS_SECONDS}` }),
  };
}
