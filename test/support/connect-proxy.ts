import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Certificate } from './certificate';

/** A proxy that opens ways by CONNECT, wherever to it is told; a test says where a target really is. */
export class ConnectProxy {
  /** Whereto ways were asked for, in their order. */
  readonly targets: string[] = [];
  /** The `Proxy-Authorization` of each. */
  readonly authorizations: (string | undefined)[] = [];
  /** Answers in place of opening a way. */
  instead: ((socket: Duplex, request: IncomingMessage) => void) | undefined;
  private readonly sockets = new Set<Duplex>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: string,
    private readonly portBehind: (target: string) => number,
  ) {}

  /**
   * @param portBehind where a target really is: a port of this machine
   * @param own        its certificate, for a proxy that is spoken to by TLS
   */
  static async open(portBehind: (target: string) => number, own?: Certificate): Promise<ConnectProxy> {
    const server = own ? createTlsServer(own) : createServer();
    const proxy = new ConnectProxy(server, own ? 'https' : 'http', portBehind);
    server.on('connect', (request: IncomingMessage, socket: Duplex) => proxy.take(request, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** @param user and password, `user:password` */
  url(user = '', host = '127.0.0.1'): string {
    return `${this.scheme}://${user === '' ? '' : `${user}@`}${host}:${(this.server.address() as AddressInfo).port}`;
  }

  private take(request: IncomingMessage, socket: Duplex): void {
    const target = request.url ?? '';
    this.targets.push(target);
    this.authorizations.push(request.headers['proxy-authorization']);
    this.keep(socket);
    if (this.instead) return this.instead(socket, request);
    const behind: Socket = connect(this.portBehind(target), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      socket.pipe(behind).pipe(socket);
    });
    this.keep(behind);
    behind.on('close', () => socket.destroy());
    socket.on('close', () => behind.destroy());
  }

  private keep(socket: Duplex): void {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
