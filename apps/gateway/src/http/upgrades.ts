import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** The line of a request that asks to go on as a WebSocket. */
export interface Upgrade {
  readonly socket: Socket;
  /** What came behind the request already. */
  readonly head: Buffer;
}

const upgrades = new WeakMap<IncomingMessage, Upgrade & { readonly response: ServerResponse }>();

/** Headers that ask for another protocol, and go with the asking. */
const ASKING = ['upgrade', 'http2-settings'];

/** Its line comes to nobody: an error ends it, and nothing else. */
const ignore = (): void => undefined;

/**
 * Leads requests for a WebSocket through the same routes and checks as all others, so that each refusal is the HTTP answer
 * that it always is. What else a request would like to speak (clients of HTTP/2 ask for `h2c`) is not heard, as RFC 9110
 * §7.8 allows: the request is served as if it had not asked.
 */
export function takeUpgrades(fastify: Pick<FastifyInstance, 'server' | 'routing'>): void {
  fastify.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', ignore);
    if (!asksForWebSocket(request)) {
      socket.unshift(Buffer.concat([withoutAsking(request), head]));
      fastify.server.emit('connection', socket.off('error', ignore));
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false; // nobody reads another request here
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    upgrades.set(request, { socket, head, response });
    fastify.routing(request, response);
  });
}

/** Whether a request waits to go on as a WebSocket; nothing is answered yet. */
export function asksForUpgrade(request: IncomingMessage): boolean {
  return upgrades.has(request);
}

/** The line of a request that waits to go on as a WebSocket, given out of HTTP's hands. @throws Error if it does not, or not any more */
export function takeUpgrade(request: IncomingMessage): Upgrade {
  const upgrade = upgrades.get(request);
  if (!upgrade) throw new Error('this request asks for no upgrade');
  const { socket, head, response } = upgrade;
  upgrades.delete(request);
  response.detachSocket(socket);
  return { socket, head };
}

/** With another method it has a body, which only the usual way reads. */
function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** The request as it came, but for what it asked. Node reads headers as Latin-1. */
function withoutAsking({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let place = 0; place + 1 < rawHeaders.length; place += 2) {
    const name = rawHeaders[place] ?? '';
    if (!ASKING.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[place + 1]}`);
  }
  return Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
}
