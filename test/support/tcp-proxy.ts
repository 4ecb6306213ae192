import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Guest {
  readonly inward: Socket;
  readonly outward: Socket;
  /** What was said first: to a PostgreSQL without TLS, with the application's name in it. */
  greeting: string;
  /** Nothing comes through any more, and neither side hears of the other's end. */
  isForgotten: boolean;
}

/** A door before another server that can be shut, with everybody who is inside thrown out. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private readonly guests = new Set<Guest>();
  /** After this word its speaker hears nothing more. */
  private lastWord: string | undefined;

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
    for (const guest of this.guests) this.silence(guest);
  }

  /** The same for those alone who said this when they came in. @returns how many they are */
  forgetWhoSaid(word: string): number {
    let forgotten = 0;
    for (const guest of this.guests)
      if (guest.greeting.includes(word)) {
        this.silence(guest);
        forgotten += 1;
      }
    return forgotten;
  }

  /** Passes on what is said up to this word and with it, by whoever says it first, and then nothing more in either direction. */
  forgetWhoSays(word: string): void {
    this.lastWord = word;
  }

  private silence(guest: Guest): void {
    guest.isForgotten = true;
    for (const socket of [guest.inward, guest.outward]) socket.unpipe().resume();
  }

  private join(inward: Socket, outward: Socket): void {
    const guest: Guest = { inward, outward, greeting: '', isForgotten: false };
    this.guests.add(guest);
    inward.once('data', (bytes: Buffer) => (guest.greeting = bytes.toString('latin1')));
    inward.on('close', () => this.guests.delete(guest));
    for (const [one, another] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => undefined); // its close follows
      one.on('close', () => {
        this.sockets.delete(one);
        if (!guest.isForgotten) another.destroy();
      });
      one.pipe(another);
    }
    // after the pipe: what holds the word still goes through
    inward.on('data', (bytes: Buffer) => {
      if (this.lastWord === undefined || !bytes.includes(this.lastWord)) return;
      this.lastWord = undefined;
      this.silence(guest);
    });
  }
}
