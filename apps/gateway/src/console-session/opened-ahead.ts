import type { IncomingHttpHeaders } from 'node:http';

/** By which browsers say that they fetch before anybody has asked for it; the last three are older ones'. */
const AHEAD = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/**
 * Whether an address is fetched by something other than a person who goes there: a prefetcher, or a page that loads it as
 * an image, a frame or a script.
 */
export function isOpenedAhead(headers: IncomingHttpHeaders): boolean {
  if (AHEAD.some((name) => /prefetch|prerender|preview/i.test(String(headers[name] ?? '')))) return true;
  const destination = headers['sec-fetch-dest'];
  return destination !== undefined && destination !== 'document';
}
