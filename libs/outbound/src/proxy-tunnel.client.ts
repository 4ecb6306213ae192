import { isIPv6, type Socket } from 'node:net';
import { Client } from 'undici';

/** From the look for the proxy to its last word about all targets. */
const TIMEOUT_MS = 5_000;
const LONGEST_HEAD_BYTES = 8 * 1024;
/** So many addresses of one name are tried. */
const MOST_TARGETS = 3;
const WRONG_PASSWORD = 407;

/** The proxy cannot be reached, or opens no way. Names neither it nor the target. */
export class ProxyFailed extends Error {
  readonly code = 'HUB_PROXY';

  constructor(options?: ErrorOptions) {
    super('the proxy has not opened a way', options);
    this.name = 'ProxyFailed';
  }
}

/** Opens ways through a proxy by CONNECT (RFC 9110, section 9.3.6). What goes through one is TLS, which the proxy cannot read. */
export class ProxyTunnel {
  private readonly origin: string;
  private readonly authorization: string | undefined;

  /** @param proxyUrl `http:` or `https:`, with user and password if it asks for them */
  constructor(proxyUrl: string) {
    const { origin, username, password } = new URL(proxyUrl);
    this.origin = origin;
    const words = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    if (words !== ':') this.authorization = `Basic ${Buffer.from(words).toString('base64')}`;
  }

  /**
   * @param targets addresses, or one name, in the order in which they are tried
   * @returns a socket at whose other end the target is
   * @throws ProxyFailed
   */
  async open(targets: readonly string[], port: string): Promise<Socket> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    let last = 'no target';
    for (const target of targets.slice(0, MOST_TARGETS)) {
      const { socket, status } = await this.ask(isIPv6(target) ? `[${target}]:${port}` : `${target}:${port}`, signal);
      if (status >= 200 && status < 300) return socket;
      socket.destroy();
      last = `http_${status}`;
      if (status === WRONG_PASSWORD) break;
    }
    throw new ProxyFailed({ cause: new Error(last) });
  }

  private async ask(authority: string, signal: AbortSignal): Promise<{ socket: Socket; status: number }> {
    const client = new Client(this.origin, {
      connect: { timeout: TIMEOUT_MS },
      headersTimeout: TIMEOUT_MS,
      maxHeaderSize: LONGEST_HEAD_BYTES,
    });
    try {
      const { socket, statusCode } = await client.connect({
        path: authority,
        headers: {
          host: authority,
          ...(this.authorization !== undefined && { 'proxy-authorization': this.authorization }),
        },
        signal,
      });
      // whoever uses it listens himself; until then a break is told by its closing
      socket.on('error', () => undefined);
      void client.close(); // the socket is no longer its own
      return { socket: socket as Socket, status: statusCode };
    } catch (cause) {
      void client.destroy();
      throw new ProxyFailed({ cause });
    }
  }
}
