import { createServer, request as send, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

const BODYLESS = ['GET', 'HEAD'];

/** A request as it arrived. */
export interface TapRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What was answered, byte for byte as far as HTTP lets one see it. */
export interface TapAnswer {
  readonly status: number;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Answers in the place of whoever was asked: writes what it likes to the socket and ends it. */
export type Spoil = (socket: Socket) => void;

interface TapOptions {
  /** Whom it stands before. */
  readonly target: string;
  /** Sees every exchange that was let through. */
  readonly hear: (request: TapRequest, answer: TapAnswer) => void;
  /** Decides about a request before it is passed on; `undefined` lets it through. */
  readonly meet?: (request: TapRequest) => Spoil | undefined;
}

/** A line in the middle of an HTTP conversation, which hears all of it. */
export class HttpTap {
  private constructor(
    private readonly server: Server,
    private readonly sockets: Set<Socket>,
  ) {}

  static async start({ target, hear, meet }: TapOptions): Promise<HttpTap> {
    const sockets = new Set<Socket>();
    const server = createServer({ maxHeaderSize: 64 * 1024 }, (incoming, outgoing) => {
      void (async () => {
        const { method = '', url = '', headers } = incoming;
        const request = { method, url, headers, body: await textOf(incoming) };
        const spoil = meet?.(request);
        if (spoil) return spoil(incoming.socket);
        const answer = await pass(target, request, incoming.rawHeaders);
        hear(request, answer);
        outgoing.sendDate = false;
        outgoing.writeHead(answer.status, passedOn(answer.rawHeaders));
        outgoing.end(answer.body);
      })().catch(() => incoming.socket.destroy()); // as whoever is behind has cut it
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HttpTap(server, sockets);
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

function pass(target: string, { method, url, body }: TapRequest, rawHeaders: readonly string[]): Promise<TapAnswer> {
  return new Promise((resolve, reject) => {
    // the path goes through as it was written: a parser would mend it
    const { hostname, port } = new URL(target);
    const headers = [...passedOn(rawHeaders, [...OF_ONE_HOP, 'accept-encoding'])]; // what is compressed cannot be searched
    if (!BODYLESS.includes(method)) headers.push('content-length', String(Buffer.byteLength(body)));
    const outgoing = send({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
      textOf(answer).then(
        (text) => resolve({ status: answer.statusCode ?? 0, rawHeaders: answer.rawHeaders, body: text }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const OF_ONE_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/** Headers without some of them. */
function passedOn(rawHeaders: readonly string[], without: readonly string[] = OF_ONE_HOP): string[] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, place) => rawHeaders.slice(place * 2, place * 2 + 2));
  return pairs.filter(([name = '']) => !without.includes(name.toLowerCase())).flat();
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
