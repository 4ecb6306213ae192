import { HubError } from '@hub/domain';

/** A problem as callers read it (RFC 9457), with the hub's `code` and `fix`. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly fix?: string;
  /** Names this occurrence; the hub's log has it as `request`. */
  readonly instance: string;
}

/** @param requestId the request's own UUID */
export function problemDocument(error: HubError, requestId: string): ProblemDocument {
  return {
    type: `urn:hub:problem:${error.code}`,
    title: error.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.fix && { fix: error.fix }),
    instance: `urn:uuid:${requestId}`,
    ...error.extensions,
  };
}

/** The document as it is sent: as bytes, since the server would add a charset to text, and JSON has none (RFC 8259 §11). */
export function problemBytes(error: HubError, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(problemDocument(error, requestId)));
}

/** Of every problem. */
export const PROBLEM_HEADERS = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' } as const;

/** The problem behind an HTTP status that the framework has found by itself. */
export function problemOfStatus(status: number): HubError | undefined {
  const words = STATUS_WORDS[status];
  return words === undefined ? undefined : new HubError(words.code, words.detail, { status });
}

const STATUS_WORDS: Readonly<Record<number, { code: 'invalid_request' | 'not_found'; detail: string }>> = {
  400: {
    code: 'invalid_request',
    detail: 'The request cannot be parsed: the body must be one JSON object, the URL properly encoded.',
  },
  404: { code: 'not_found', detail: 'No route has this path.' },
  405: {
    code: 'invalid_request',
    detail: 'This path does not take this method; the Allow header names those it takes.',
  },
  408: { code: 'invalid_request', detail: 'The request took too long to arrive.' },
  413: { code: 'invalid_request', detail: 'The body is too large.' },
  414: { code: 'invalid_request', detail: 'The URL is too long.' },
  431: { code: 'invalid_request', detail: 'The headers are too large.' },
  415: { code: 'invalid_request', detail: 'The body must be sent as application/json.' },
};
