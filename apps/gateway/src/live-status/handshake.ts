import type { IncomingHttpHeaders } from 'node:http';
import { HubError } from '@hub/domain';
import { protocolsOffered } from '../callers/protocol-bearer';

/** The version of RFC 6455, the only one. */
export const WEBSOCKET_VERSION = '13';
/** Sixteen bytes in Base64 (RFC 6455 §4.1). */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** RFC 9110 §5.6.2; each of them once. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * What is wrong with the handshake of a request that asks to go on as a WebSocket; `undefined` if nothing is.
 *
 * @param protocol one that must be among the subprotocols, if there are any
 */
export function handshakeProblem(headers: IncomingHttpHeaders, protocol: string): HubError | undefined {
  if (headers['sec-websocket-version'] !== WEBSOCKET_VERSION)
    return new HubError('invalid_request', `Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}.`, { status: 426 });
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return refused('Sec-WebSocket-Key must be 16 bytes in Base64.');
  const header = headers['sec-websocket-protocol'];
  const offered = protocolsOffered(header);
  if (header !== undefined && !offered.includes(protocol))
    return refused(`Sec-WebSocket-Protocol must offer ${protocol}, or be left out.`);
  if (!offered.every((one) => TOKEN.test(one)) || new Set(offered).size < offered.length)
    return refused('Sec-WebSocket-Protocol must be a list of tokens, each once.');
  return undefined;
}

function refused(detail: string): HubError {
  return new HubError('invalid_request', detail, { status: 400 });
}
