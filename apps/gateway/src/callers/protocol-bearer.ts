const PREFIX = 'bearer.';

/** The subprotocols that a client offers (RFC 6455 §11.3.4). @param header `Sec-WebSocket-Protocol` */
export function protocolsOffered(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
}

/**
 * The `Authorization` header that stands among the subprotocols, as `hub.v1, bearer.<JWT>`: pages can give a WebSocket no
 * other header. `undefined` without one, with two, or where the protocol itself is not offered.
 */
export function bearerAmongProtocols(header: string | undefined, protocol: string): string | undefined {
  const offered = protocolsOffered(header);
  const bearers = offered.filter((one) => one.startsWith(PREFIX));
  const [bearer] = bearers;
  if (!offered.includes(protocol) || bearer === undefined || bearers.length > 1) return undefined;
  return `Bearer ${bearer.slice(PREFIX.length)}`;
}
