import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from './certificate';

/** PostgreSQL's SSLRequest: its length, and a number that is no version (PostgreSQL, Message Formats). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const WILLING = 'S';

/** A door that speaks TLS before a server on loopback that does not: Redis speaks it from the first byte, PostgreSQL once asked. */
export class TlsDoor {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((socket) => void this.welcome(socket));
  /** Lines over which something was said in the clear, or that broke in the handshake. */
  refused = 0;
  /** Bytes that were said to the server behind the door. */
  heard = 0;

  private constructor(
    private readonly kind: 'redis' | 'postgres',
    private readonly certificate: Certificate,
    private readonly target: { host: string; port: number },
  ) {}

  /** @param url of the server behind the door */
  static async before(kind: 'redis' | 'postgres', url: string, certificate: Certificate): Promise<TlsDoor> {
    const { hostname, port } = new URL(url);
    const door = new TlsDoor(kind, certificate, { host: hostname, port: Number(port) });
    door.server.listen(0, '127.0.0.1');
    await once(door.server, 'listening');
    return door;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async welcome(socket: Socket): Promise<void> {
    this.keep(socket);
    socket.on('error', () => (this.refused += 1));
    if (this.kind === 'postgres') {
      const [first] = (await once(socket, 'data')) as [Buffer];
      if (!first.equals(SSL_REQUEST)) {
        this.refused += 1;
        socket.destroy();
        return;
      }
      socket.write(WILLING);
    }
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(this.certificate) });
    const inner = this.keep(connect(this.target.port, this.target.host));
    secure.on('error', () => {
      this.refused += 1;
      inner.destroy();
    });
    inner.on('error', () => secure.destroy());
    secure.on('close', () => inner.destroy());
    inner.on('close', () => secure.destroy());
    secure.on('data', (said: Buffer) => (this.heard += said.length));
    secure.pipe(inner).pipe(secure);
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    return socket;
  }
}
