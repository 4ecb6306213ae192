import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * What the line does:
 *
 * - `open`: passes everything on.
 * - `half_open`: connections stand, and nothing comes through any more; new ones are taken and stay silent too.
 * - `refusing`: every connection is cut, new ones as soon as they are made.
 */
export type LineState = 'open' | 'half_open' | 'refusing';

export interface LineManner {
  /** Holds back everything that passes, in milliseconds. */
  readonly delayMs?: number;
  /** Passes a few bytes at a time, as a line that is almost dead. */
  readonly dripBytes?: number;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** Nothing comes through any more, whatever the line does. */
  isForgotten: boolean;
}

const DRIP_EVERY_MS = 50;

/** A line between an app and a server that can be slow, silent or cut. */
export class TcpProxy {
  private readonly pairs = new Set<Pair>();
  private state: LineState = 'open';
  private manner: LineManner = {};

  private constructor(
    private readonly server: Server,
    private readonly target: { readonly host: string; readonly port: number },
  ) {
    server.on('connection', (near) => this.join(near));
  }

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, target);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, host: '127.0.0.1' }, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  become(state: LineState, manner: LineManner = {}): void {
    this.state = state;
    this.manner = manner;
    if (state === 'refusing') this.reset();
  }

  /** Cuts every connection with RST; new ones are as the line's state says. */
  reset(): void {
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Every connection goes on to stand and lets nothing through, as behind a NAT that has forgotten it; new ones are as the line's state says. */
  forget(): void {
    for (const pair of this.pairs) pair.isForgotten = true;
  }

  async stop(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: Socket): void {
    near.on('error', () => undefined);
    if (this.state === 'refusing') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.target);
    far.on('error', () => near.resetAndDestroy());
    const pair = { near, far, isForgotten: false };
    this.pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes: Buffer) => {
        if (!pair.isForgotten) this.pass(from, to, bytes);
      });
      from.on('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
    }
  }

  private pass(from: Socket, to: Socket, bytes: Buffer): void {
    if (this.state === 'half_open') return; // swallowed, like packets on a line that is gone
    const { delayMs = 0, dripBytes } = this.manner;
    if (delayMs === 0 && dripBytes === undefined) {
      to.write(bytes);
      return;
    }
    from.pause(); // so that nothing overtakes
    const size = dripBytes ?? bytes.length;
    const pieces = Math.ceil(bytes.length / size);
    for (let piece = 0; piece < pieces; piece += 1)
      setTimeout(() => to.write(bytes.subarray(piece * size, (piece + 1) * size)), delayMs + piece * DRIP_EVERY_MS);
    setTimeout(() => from.resume(), delayMs + pieces * DRIP_EVERY_MS);
  }
}
