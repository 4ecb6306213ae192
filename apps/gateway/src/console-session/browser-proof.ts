import { isLoopback, type HubConfig } from '@hub/config';
import { hostNamed } from '../http/host-named';
import { csrfProof, isCsrfProof } from '../http/secrets';

/** What a request says of the page that sent it. */
export interface SentBy {
  readonly method: string;
  /** The header `Origin`. */
  readonly origin: string | undefined;
  /** The header `Sec-Fetch-Site`; old browsers do not send it. */
  readonly site: unknown;
  /** The header `X-CSRF-Token`. */
  readonly csrf: unknown;
}

/** What is wrong with a request that brings a session's cookie, as the trail words it. */
export type ProofProblem = 'foreign_origin' | 'csrf_missing' | 'csrf_wrong';

/** What the proof is bound to beside the cookie. */
const CONSOLE = 'console';
/** Methods that change nothing. */
const READS = ['GET', 'HEAD'];

/** The proof that a page has read with its session: bound to the cookie, so that each session has another. */
export function csrfTokenOf(cookie: string): string {
  return csrfProof(cookie, CONSOLE);
}

/**
 * Whether a session's cookie may be used by whoever sent a request: the hub's own pages alone. A page of an origin that
 * CORS admits brings no session, and what changes something needs the proof besides.
 *
 * @param own the hub's own origins
 * @returns `undefined` if it may
 */
export function proofProblem(
  { method, origin, site, csrf }: SentBy,
  cookie: string,
  own: readonly string[],
): ProofProblem | undefined {
  const isRead = READS.includes(method);
  if (!isOwnPage({ origin, site }, own, isRead)) return 'foreign_origin';
  if (isRead) return undefined;
  if (csrf === undefined) return 'csrf_missing';
  return typeof csrf === 'string' && isCsrfProof(csrf, cookie, CONSOLE) ? undefined : 'csrf_wrong';
}

/** @param mayBeTyped whether it may be an address that the person has typed */
export function isOwnPage(
  { origin, site }: Pick<SentBy, 'origin' | 'site'>,
  own: readonly string[],
  mayBeTyped: boolean,
): boolean {
  if (origin !== undefined && !own.includes(origin)) return false;
  return site === undefined || site === 'same-origin' || (mayBeTyped && site === 'none');
}

/**
 * The hub's own origins: that of `PUBLIC_URL`, and with `npm start` every name of this machine by which the browser came.
 *
 * @param host the header `Host`
 */
export function ownOrigins(
  { publicUrl, local }: Pick<HubConfig, 'publicUrl' | 'local'>,
  host: string | undefined,
): string[] {
  const own = [new URL(publicUrl).origin];
  if (local !== null && host !== undefined && isLoopback(hostNamed(host))) own.push(`http://${host}`);
  return own;
}
