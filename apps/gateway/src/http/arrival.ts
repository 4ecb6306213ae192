import type { IncomingMessage, ServerResponse } from 'node:http';

/** For a request to arrive whole, its body included. */
export const ARRIVAL_MS = 30_000;
/**
 * The server's own limit, which knows no routes: above what any body takes that is given on while it arrives. All others
 * are held to {@link ARRIVAL_MS} by their {@link Arrival}.
 */
export const LONGEST_ARRIVAL_MS = 11 * 60_000;

/** Watches that the body of one request arrives in time. */
export class Arrival {
  private timer: NodeJS.Timeout | undefined;
  private readonly hasBody: boolean;

  /**
   * @param onLate called where the body has not arrived in time; once it has been answered, the line is cut instead
   * @param withinMs from now, or from when it is left to be dropped
   */
  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly onLate: () => void,
    private readonly withinMs = ARRIVAL_MS,
  ) {
    this.hasBody = hasBody(request);
    if (!this.hasBody) return;
    this.watch();
    request.once('end', () => clearTimeout(this.timer)).once('close', () => clearTimeout(this.timer));
  }

  /** Somebody else watches from now on, until the request is answered: what is left of its body then is read and dropped. */
  handOver(): void {
    if (!this.hasBody) return; // a request that nobody reads has not ended, though nothing of it is to come
    clearTimeout(this.timer);
    this.response.once('finish', () => {
      if (this.request.readableEnded || this.request.destroyed) return;
      this.watch();
      this.request.unpipe().resume(); // as Node itself does where nobody has begun to read
    });
  }

  private watch(): void {
    this.timer = setTimeout(() => {
      if (this.response.headersSent) this.request.socket.destroy();
      else this.onLate();
    }, this.withinMs);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
