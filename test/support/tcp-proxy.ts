import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A door before another server that can be shut, with everybody who is inside thrown out. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async before(host: string, port: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (inward) => proxy.join(inward, connect(port, host)));
    return proxy;
  }

  /** Nobody gets in, and nobody stays. */
  async shut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async reopen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  /** Who is inside stands and hears nothing more, as behind a NAT that has forgotten them; others get in. */
  forget(): void {
    for (const socket of this.sockets) socket.unpipe().resume();
  }

  private join(inward: Socket, outward: Socket): void {
    for (const [one, another] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => another.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        another.destroy();
      });
      one.pipe(another);
    }
  }
}
