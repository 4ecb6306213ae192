import { proxyPrefix } from './proxy.routes';

/** Where a call goes: `origin` is the provider's own, `path` has the query. */
export interface ProxyTarget {
  readonly origin: string;
  readonly path: string;
}

/** The rest of a path as it was sent, or why it is none that is passed on (fixed words). */
export type RestReading =
  { readonly ok: true; readonly rest: string } | { readonly ok: false; readonly reason: string };

const QUERY = /^[\x21-\x22\x24-\x7e]*$/;
/** RFC 3986 §3.3, and the slash between segments. */
const PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
/** Dots, slashes, backslashes, percent signs before these and control characters, in any encoding: who decodes them once more sees another path. */
const HIDDEN = /%(?:25)*(?:2e|2f|5c|[01][0-9a-f]|7f)/i;

/**
 * What of the request's target is the provider's: everything behind `/proxy`, query included, not decoded. Whatever could
 * be read as another host or as a step up is refused, also where this provider would read it well (security reference, 45).
 *
 * @param url the target as it came, path and query
 */
export function readRest(url: string, provider: string): RestReading {
  const prefix = `${proxyPrefix(provider)}/`;
  if (!url.startsWith(prefix)) return { ok: false, reason: 'prefix' };
  const rest = url.slice(prefix.length - 1);
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  if (HIDDEN.test(path)) return { ok: false, reason: 'encoded' };
  if (!PATH.test(path)) return { ok: false, reason: 'characters' };
  if (!QUERY.test(query)) return { ok: false, reason: 'query' };
  const segments = path.slice(1).split('/');
  // some servers cut a segment's parameters off before they look for dots
  if (segments.some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) return { ok: false, reason: 'dot_segment' };
  if (segments.slice(0, -1).includes('')) return { ok: false, reason: 'empty_segment' };
  if (/[:@]|%3a|%40/i.test(segments[0] ?? '')) return { ok: false, reason: 'authority' };
  return { ok: true, rest };
}

/**
 * The rest below the provider's API. `undefined` if an URL parser does not see origin and base path as they were: a second
 * look, in case the first one has a hole.
 */
export function targetOf(apiBaseUrl: string, rest: string): ProxyTarget | undefined {
  const base = new URL(apiBaseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  const path = basePath + rest;
  if (!URL.canParse(base.origin + path)) return undefined;
  const seen = new URL(base.origin + path);
  const isKept =
    seen.origin === base.origin &&
    seen.username === '' &&
    seen.password === '' &&
    seen.hash === '' &&
    seen.pathname === path.split('?')[0];
  return isKept ? { origin: base.origin, path } : undefined;
}

/**
 * A `Location` as the caller may follow it: through the proxy where it stays below the provider's API. `undefined`: it
 * leads elsewhere, and is not told.
 */
export function locationThroughProxy(
  location: string,
  target: ProxyTarget,
  apiBaseUrl: string,
  provider: string,
): string | undefined {
  const from = target.origin + target.path;
  if (!URL.canParse(location, from)) return undefined;
  const to = new URL(location, from);
  const base = new URL(apiBaseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  if (to.origin !== base.origin || to.username !== '' || to.password !== '') return undefined;
  if (!to.pathname.startsWith(`${basePath}/`)) return undefined;
  const through = proxyPrefix(provider) + to.pathname.slice(basePath.length) + to.search;
  return readRest(through, provider).ok ? through : undefined;
}
