import { failure, type Failure } from '@hub/domain';
import { textField } from './json-fields';
import type { OutboundOutcome } from '@hub/outbound';
import type { Conversation, WireAnswer } from './provider-definition';

/**
 * The reading that holds for all providers (reference of providers §3). A definition's `readFailure` goes first.
 *
 * Reasons are fixed words, known error codes or `http_<status>`; an answer's own text is never repeated.
 */

type Absent = Exclude<OutboundOutcome, { kind: 'answer' }>;

/** Every code that RFC 6749 §5.2 and its relatives may name, and what it means for the hub. */
const OAUTH_ERRORS: ReadonlyMap<string, Failure['code']> = new Map([
  ['invalid_grant', 'invalid_grant'],
  ['access_denied', 'access_denied'],
  ['invalid_client', 'provider_misconfigured'],
  ['unauthorized_client', 'provider_misconfigured'],
  ['unsupported_grant_type', 'provider_misconfigured'],
  ['invalid_scope', 'provider_misconfigured'],
  ['invalid_request', 'provider_misconfigured'],
  ['redirect_uri_mismatch', 'provider_misconfigured'],
  ['slow_down', 'rate_limited'],
  ['temporarily_unavailable', 'provider_unavailable'],
  ['server_error', 'provider_unavailable'],
]);

/** Those of them that may well be about one grant: another integration of the same registration need not meet them. */
const ABOUT_ONE_GRANT: ReadonlySet<string> = new Set(['invalid_scope', 'invalid_request']);

/** Outage pages of proxies and edges: the provider itself has not spoken. */
const OUTAGES: ReadonlySet<number> = new Set([502, 503, 504, 529, 530]);

/** API statuses that mean that the hub asks wrongly. */
const OUR_MISTAKES: ReadonlySet<number> = new Set([400, 405, 406, 411, 413, 414, 415, 422, 431]);

/** API statuses after which the same call may well succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425]);

/** True for a status that says yes. */
export function isSuccess(answer: WireAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

/** What it means that no answer came. */
export function readAbsence(absent: Absent, conversation: Conversation): Failure {
  if (absent.kind === 'not_sent') return failure('provider_unavailable', absent.reason);
  switch (conversation) {
    case 'exchange':
      return failure('bad_provider_response', absent.reason);
    case 'refresh':
      return failure('token_refresh_failed', absent.reason);
    case 'revoke':
    case 'api':
      // Asking once more does no harm.
      return failure('provider_unavailable', absent.reason);
  }
}

/** What an answer means that came, but cannot be used: redirects, broken JSON, words that nobody knows. */
export function readUnusable(conversation: Conversation, reason: string): Failure {
  switch (conversation) {
    case 'exchange':
      return failure('bad_provider_response', reason);
    case 'refresh':
      return failure('token_refresh_failed', reason);
    case 'revoke':
    case 'api':
      return failure('bad_provider_response', reason, { kind: 'transient' });
  }
}

/** What a refusal by status means. */
export function readRefusal(answer: WireAnswer, conversation: Conversation): Failure {
  const { status } = answer;
  const reason = `http_${status}`;
  const wait = waitOf(answer);
  if (status === 429) return failure('rate_limited', reason, wait);
  if (isOutage(status)) return readOutage(answer);
  if (status >= 500) return readServerError(answer, conversation);
  if (status < 400) return readUnusable(conversation, reason);
  if (conversation === 'api') return readApiRefusal(answer, reason, wait);
  const named = oauthFailure(textField(answer.json, 'error'), wait);
  return named ?? readUnknownRefusal(conversation, reason);
}

/** The provider, or something before it, is down: nothing is said about any grant. */
export function readOutage(answer: WireAnswer): Failure {
  return failure('provider_unavailable', `http_${answer.status}`, waitOf(answer));
}

/** The meaning of an OAuth error code; `undefined` if it is none that is known. */
export function oauthFailure(code: string | undefined, wait: Pick<Failure, 'retryAfterMs'> = {}): Failure | undefined {
  const meaning = code === undefined ? undefined : OAUTH_ERRORS.get(code);
  if (code === undefined || meaning === undefined) return undefined;
  return failure(meaning, code, { ...wait, ...(ABOUT_ONE_GRANT.has(code) && { concerns: 'integration' }) });
}

/** True if the hub's own secret was refused, so that the next one of a list is worth a try: nothing has been spent. */
export function isClientRefusal(refusal: Failure): boolean {
  return refusal.code === 'provider_misconfigured' && refusal.reason === 'invalid_client';
}

const LONGEST_WAIT_MS = 24 * 3_600_000;

/**
 * A Retry-After header (RFC 9110 §10.2.3) in milliseconds: seconds, also with decimals as Shopify writes them, or a date.
 *
 * @param date the answer's own Date header: a wait until a date is counted by the clock that set it
 * @returns at most a day; `undefined` if the header is absent or unreadable
 */
export function retryAfterMs(header: string | undefined, date?: string): number | undefined {
  const text = header?.trim() ?? '';
  const waitMs = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) * 1_000 : readDate(text) - readDate(date ?? '');
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(Math.ceil(waitMs), 0), LONGEST_WAIT_MS);
}

/** A date of HTTP starts with a weekday; `Date.parse` alone reads almost anything, `-5` included. */
function readDate(text: string): number {
  return /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : NaN;
}

function waitOf(answer: WireAnswer): Pick<Failure, 'retryAfterMs'> {
  const wait = retryAfterMs(answer.headers['retry-after'], answer.headers['date']);
  return wait === undefined ? {} : { retryAfterMs: wait };
}

function isOutage(status: number): boolean {
  return OUTAGES.has(status) || (status >= 520 && status <= 527);
}

function readServerError(answer: WireAnswer, conversation: Conversation): Failure {
  // The server has begun: whether it spent the refresh token is unknown.
  return conversation === 'refresh'
    ? failure('token_refresh_failed', `http_${answer.status}`, waitOf(answer))
    : readOutage(answer);
}

function readApiRefusal(answer: WireAnswer, reason: string, wait: Pick<Failure, 'retryAfterMs'>): Failure {
  const { status } = answer;
  if (PASSING.has(status)) return failure('provider_unavailable', reason, wait);
  if (isPage(answer)) return readUnusable('api', reason);
  if (OUR_MISTAKES.has(status)) return failure('provider_misconfigured', reason);
  if (status === 401) return failure('invalid_grant', reason);
  if (status === 403) return failure('insufficient_scope', reason);
  return readUnusable('api', reason);
}

/** A 4xx without a known code, such as a firewall's page: surely nobody's word about this grant. */
function readUnknownRefusal(conversation: Conversation, reason: string): Failure {
  return conversation === 'refresh'
    ? failure('token_refresh_failed', reason, { kind: 'transient' })
    : readUnusable(conversation, reason);
}

/** True for an answer in HTML: an edge or a proxy speaks, hardly ever the provider. */
export function isPage(answer: WireAnswer): boolean {
  return (answer.headers['content-type'] ?? '').toLowerCase().includes('html');
}
