import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One answer to "may traffic or work come here?". */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, in a word or two for the operator. */
  readonly reason?: string;
}

/**
 * The health pages of an app without HTTP of its own: `/health/live` says that the event loop turns and asks nobody else,
 * `/health/ready` says what `readiness` says.
 */
export class HealthServer {
  private readonly server: Server;

  /**
   * @param readiness may work come here?
   * @param wedge     why the process is to be started anew although its event loop turns; `undefined` while it is well
   */
  constructor(
    private readonly readiness: () => Promise<Readiness>,
    wedge: () => string | undefined = () => undefined,
  ) {
    this.server = createServer((request, response) => {
      const send = (status: number, body: object): void => {
        response
          .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
          .end(JSON.stringify(body));
      };
      if (request.url === '/health/live') {
        const reason = wedge();
        return reason === undefined ? send(200, { status: 'live' }) : send(503, { status: 'wedged', reason });
      }
      if (request.url !== '/health/ready') return send(404, { status: 'unknown' });
      this.readiness().then(
        ({ ready, reason }) => send(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', reason }),
        () => send(503, { status: 'not_ready', reason: 'check failed' }),
      );
    });
  }

  /** @throws the listen error if the port is taken */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => resolve());
    });
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
