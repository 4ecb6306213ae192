/** Whoever takes longer than that for an answer is slow. */
const SLOW_MS = 2_000;
const MOST_KNOWN = 10_000;

/**
 * Keeps places free for receivers that are quick: those that were slow last time share a part of the places.
 */
export class SlowReceivers {
  private readonly known = new Set<string>();
  private underWay = 0;

  /** @param places for sends to slow receivers at once */
  constructor(private readonly places: number) {}

  /**
   * Before a send.
   *
   * @returns what to tell at its end, with how long it took; `undefined`: all places for slow receivers are taken
   */
  begin(receiver: string): ((tookMs: number) => void) | undefined {
    const isSlow = this.known.has(receiver);
    if (isSlow && this.underWay >= this.places) return undefined;
    if (isSlow) this.underWay += 1;
    return (tookMs) => {
      if (isSlow) this.underWay -= 1;
      this.note(receiver, tookMs > SLOW_MS);
    };
  }

  private note(receiver: string, isSlow: boolean): void {
    this.known.delete(receiver);
    if (isSlow) this.known.add(receiver);
    const [oldest] = this.known;
    if (this.known.size > MOST_KNOWN && oldest !== undefined) this.known.delete(oldest);
  }
}
