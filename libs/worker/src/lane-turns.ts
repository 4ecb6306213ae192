import { setTimeout as sleep } from 'node:timers/promises';
import { afterThrottle, FULL_PACE, shareAt, type LanePace } from './lane-pace';

/**
 * Turns in lanes whose other side has asked for patience. At its whole pace a lane is left to its queue; below it the
 * starts of this process are spread evenly.
 */
export class LaneTurns {
  private readonly paces = new Map<string, LanePace>();
  private readonly nextMs = new Map<string, number>();

  /**
   * The other side asks for patience: the lane goes on at half of its pace, and grows back. A whole burst that was refused
   * makes it very slow at once: those who were refused come again together, and may not be refused again.
   */
  throttle(lane: string): void {
    this.paces.set(lane, afterThrottle(this.paces.get(lane) ?? FULL_PACE, performance.now()));
  }

  /** Comes back when it is the caller's turn. @param perSecond the lane's whole pace */
  async turn(lane: string, perSecond: number): Promise<void> {
    const nowMs = performance.now();
    const share = shareAt(this.paces.get(lane) ?? FULL_PACE, nowMs);
    if (share === 1) return;
    const atMs = Math.max(nowMs, this.nextMs.get(lane) ?? nowMs);
    this.nextMs.set(lane, atMs + 1_000 / (perSecond * share));
    await sleep(atMs - nowMs);
  }
}
