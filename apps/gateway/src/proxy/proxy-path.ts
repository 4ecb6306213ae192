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
/**
 * Encoded dots, slashes, backslashes and control characters: who decodes them once more sees another path. And bytes that
 * UTF-8 never has (RFC 3629 §3), for careless decoders read a dot or a slash in the overlong ones.
 */
const HIDDEN = /%(?:2e|2f|5c|[01][0-9a-f]|7f|c[01]|e0%[89]|f0%8|f[5-9a-f])/i;
/** Some servers cut a segment's parameters off before they look for dots; decoded, a query or a space may follow as well. */
const DOTS = /^\.{1,2}(?:[;?# ]|$)/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
/** No server decodes as often, and nobody writes such a path. */
const MOST_DECODINGS = 8;

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
  const forms = formsOf(path);
  if (forms === undefined || forms.some((form) => HIDDEN.test(form))) return { ok: false, reason: 'encoded' };
  if (!PATH.test(path)) return { ok: false, reason: 'characters' };
  if (!QUERY.test(query)) return { ok: false, reason: 'query' };
  const segments = forms.map((form) => form.slice(1).split('/'));
  if (segments.flat().some((segment) => DOTS.test(segment))) return { ok: false, reason: 'dot_segment' };
  if (segments[0]?.slice(0, -1).includes('')) return { ok: false, reason: 'empty_segment' };
  if (segments.some(([first]) => /[:@]/.test(first ?? ''))) return { ok: false, reason: 'authority' };
  return { ok: true, rest };
}

/** The path as it was sent and as whoever decodes it again and again sees it; `undefined` if that does not come to an end. */
function formsOf(path: string): readonly string[] | undefined {
  const forms = [path];
  for (let form = path; forms.length <= MOST_DECODINGS + 1; forms.push(form)) {
    const next = form.replaceAll(ESCAPE, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (next === form) return forms;
    form = next;
  }
  return undefined;
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
