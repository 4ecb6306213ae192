import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { LIVE_CLOSES, type LiveClose } from './live-closes';

/** How far a client may fall behind. */
export interface ConnectionLimits {
  /** Bytes that were sent and that his line has not taken. */
  readonly unsentBytes: number;
  /** Messages of the same kind. */
  readonly unsentMessages: number;
  /** So much of it may stand when he reads a gap at his own pace. */
  readonly pacedBytes: number;
  /** So long he may take none of it then. */
  readonly stallMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  unsentBytes: 1024 * 1024,
  unsentMessages: 1_000,
  pacedBytes: 64 * 1024,
  stallMs: 10_000,
};

/** No timer of Node runs longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** What ws says of a message beyond `maxPayload`; it closes with 1009. */
const TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

/** One client's socket. Nobody waits for the client: one who does not keep up is dropped. */
export class LiveConnection {
  /** Resolves with the close code once all is over. */
  readonly ended: Promise<number>;
  private closedWith: number | undefined;
  private unsent = 0;
  private isHeard = true;
  private tellDrained: (() => void) | undefined;
  private expiry: NodeJS.Timeout | undefined;

  /** @param expiresAt when the client's proof of who it is ends; `null`: never */
  constructor(
    private readonly socket: WebSocket,
    expiresAt: Date | null,
    private readonly limits: ConnectionLimits = CONNECTION_LIMITS,
  ) {
    this.ended = new Promise((resolve) => {
      socket.once('close', (code) => {
        this.end();
        resolve(this.closedWith ?? code);
      });
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === TOO_LARGE) this.closedWith ??= 1009;
    });
    socket.on('message', () => this.close(LIVE_CLOSES.notHeard));
    socket.on('pong', () => (this.isHeard = true));
    socket.on('ping', () => (this.isHeard = true)); // ws answers it, one at a time
    if (expiresAt) this.expireAt(expiresAt.getTime());
  }

  /** False once it is closed, by whomever, or about to be. */
  get isOpen(): boolean {
    return this.closedWith === undefined && this.socket.readyState === WebSocket.OPEN;
  }

  /** Sends a message, or drops the client if too much stands before it. */
  send(text: string): void {
    if (!this.isOpen || this.dropIfSlow()) return;
    this.unsent += 1;
    this.socket.send(text, () => {
      this.unsent -= 1;
      if (this.socket.bufferedAmount <= this.limits.pacedBytes) this.tellDrained?.();
    });
  }

  /** Sends a message and comes back once the line has room for the next one. A client that takes nothing for long is dropped. */
  async sendAtItsPace(text: string): Promise<void> {
    this.send(text);
    if (!this.isOpen || this.socket.bufferedAmount <= this.limits.pacedBytes) return;
    const stalled = new AbortController();
    const drained = new Promise<'drained'>((resolve) => (this.tellDrained = () => resolve('drained')));
    const seen = await Promise.race([
      drained,
      sleep(this.limits.stallMs, 'stalled' as const, { ref: false, signal: stalled.signal }).catch(() => undefined),
    ]);
    this.tellDrained = undefined;
    stalled.abort();
    if (seen === 'stalled') this.close(LIVE_CLOSES.tooSlow);
  }

  /** Asks whether the client is still there. One that has not answered since the last time is gone. */
  beat(): void {
    if (!this.isOpen) return;
    if (!this.isHeard) {
      this.closedWith = LIVE_CLOSES.broken;
      this.socket.terminate();
      return;
    }
    this.isHeard = false;
    this.socket.ping();
  }

  /** Says why, and goes, soon also where the client does not answer. The first reason counts. */
  close(reason: LiveClose): void {
    if (!this.isOpen) return;
    this.closedWith = reason;
    this.socket.close(reason);
    this.end();
  }

  /** @returns whether it was */
  private dropIfSlow(): boolean {
    const { unsentBytes, unsentMessages } = this.limits;
    const isSlow = this.socket.bufferedAmount > unsentBytes || this.unsent >= unsentMessages;
    if (isSlow) this.close(LIVE_CLOSES.tooSlow);
    return isSlow;
  }

  private expireAt(atMs: number): void {
    const leftMs = atMs - Date.now();
    if (leftMs <= 0) this.close(LIVE_CLOSES.expired);
    else this.expiry = setTimeout(() => this.expireAt(atMs), Math.min(leftMs, LONGEST_TIMER_MS));
  }

  /** Nobody waits for it any more. */
  private end(): void {
    clearTimeout(this.expiry);
    this.tellDrained?.();
  }
}
