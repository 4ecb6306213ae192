import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HubError } from '@hub/domain';
import { problemBytes, PROBLEM_HEADERS, problemOfStatus } from './problem-document';

/** What Node's parser says of bytes that are no request, as statuses; anything else is 400. */
const STATUSES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** For a refusal to reach whoever does not end the connection, before it is cut. */
const CUT_WITHIN_MS = 2_000;

/**
 * What was sent is no HTTP request that the server could read: it is answered, and the connection ends, whether the other
 * side ends it or not. Node forgets a connection once it has told of it here.
 *
 * @param headers of every answer
 */
export function answerNoRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  headers: Readonly<Record<string, string>>,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUSES[error.code ?? ''] ?? 400;
  const id = randomUUID();
  const body = problemBytes(problemOfStatus(status) ?? new HubError('internal', 'The request cannot be read.'), id);
  const all = {
    ...headers,
    ...PROBLEM_HEADERS,
    'x-request-id': id,
    'content-length': String(body.length),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.end(
    Buffer.concat([Buffer.from([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', ''].join('\r\n')), body]),
  );
  setTimeout(() => socket.destroy(), CUT_WITHIN_MS).unref();
}

/** The body of a request has not come in time: it is answered 408, and the connection ends likewise. */
export function answerLate(socket: Socket, headers: Readonly<Record<string, string>>): void {
  answerNoRequest(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket, headers);
}
