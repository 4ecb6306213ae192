import type { Readable } from 'node:stream';

/** An HTTP answer as far as readers need it. `json` is `undefined` if the body is none. */
export interface WireAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  readonly json: unknown;
}

/** How a streamed call began to be answered, or why it was not. */
export type StreamedOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** Lower-case names; what came more than once is a list. */
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: Readable;
    }
  | Exclude<OutboundOutcome, { readonly kind: 'answer' }>;

/** Why surely no byte of the request has left. */
export type NotSentReason =
  | 'blocked_address'
  | 'proxy'
  | 'dns'
  | 'refused'
  | 'connect_timeout'
  | 'tls'
  | 'connect'
  | 'bad_request'
  | 'timeout'
  | 'closed';

/** Why there is no usable answer to a request that may have arrived. */
export type NoAnswerReason = 'timeout' | 'connection_lost' | 'too_large' | 'bad_encoding' | 'closed';

/** How an outbound call ended. A refusal by status is an `answer` too. */
export type OutboundOutcome =
  | { readonly kind: 'answer'; readonly answer: WireAnswer }
  | { readonly kind: 'not_sent'; readonly reason: NotSentReason }
  | { readonly kind: 'no_answer'; readonly reason: NoAnswerReason };

const NOT_SENT_BY_CODE: Readonly<Record<string, NotSentReason>> = {
  HUB_BLOCKED_ADDRESS: 'blocked_address',
  HUB_PROXY: 'proxy',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ENODATA: 'dns',
  EAI_FAIL: 'dns',
  EAI_NODATA: 'dns',
  EAI_NONAME: 'dns',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  EPROTO: 'tls',
  UND_ERR_INVALID_ARG: 'bad_request',
  UND_ERR_DESTROYED: 'closed',
  UND_ERR_CLOSED: 'closed',
};

/** The words for an error before the first byte. Errors' own texts may name addresses, so only their codes are read. */
export function notSentReason(error: unknown): NotSentReason {
  const code = codeOf(error);
  if (Object.hasOwn(NOT_SENT_BY_CODE, code)) return NOT_SENT_BY_CODE[code] ?? 'connect';
  return /TLS|SSL|CERT|VERIFY|SIGNATURE|ISSUER/.test(code) ? 'tls' : 'connect';
}

/** The words for an error after the first byte may have left. */
export function noAnswerReason(error: unknown): NoAnswerReason {
  const code = codeOf(error);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return 'closed';
  return code.endsWith('_TIMEOUT') || code === 'ETIMEDOUT' ? 'timeout' : 'connection_lost';
}

/** How a streamed call failed before its answer began: what no code proves to be unsent may have arrived. */
export function streamFailure(error: unknown): Exclude<OutboundOutcome, { readonly kind: 'answer' }> {
  const code = codeOf(error);
  const isUnsent = Object.hasOwn(NOT_SENT_BY_CODE, code) && code !== 'ETIMEDOUT' && !code.startsWith('UND_ERR_D');
  return isUnsent
    ? { kind: 'not_sent', reason: notSentReason(error) }
    : { kind: 'no_answer', reason: noAnswerReason(error) };
}

/** An address tried in vain comes as the group of all that were tried: the first one speaks for them. */
function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : '';
}
