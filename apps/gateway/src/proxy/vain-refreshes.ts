/** A token of an integration, without the token. */
export interface TokenStamp {
  readonly id: string;
  readonly issuedAt: Date;
}

/** So long no other refresh is asked for where one has not helped. */
const REMEMBERED_MS = 60_000;

/**
 * Tokens for which a refresh has just been of no use: it brought them and they were refused as well, or it brought none.
 * Whoever calls what no token may see would spend a refresh with each call otherwise. A token that comes by any other way
 * is another one, and worth its refresh.
 */
export class VainRefreshes {
  private readonly until = new Map<string, number>();

  /** @param nowMs by `performance.now()` */
  add(token: TokenStamp, nowMs: number): void {
    for (const [key, untilMs] of this.until) {
      if (untilMs > nowMs) break; // in the order in which they were added
      this.until.delete(key);
    }
    const key = keyOf(token);
    this.until.delete(key);
    this.until.set(key, nowMs + REMEMBERED_MS);
  }

  has(token: TokenStamp, nowMs: number): boolean {
    return (this.until.get(keyOf(token)) ?? 0) > nowMs;
  }

  get size(): number {
    return this.until.size;
  }
}

function keyOf({ id, issuedAt }: TokenStamp): string {
  return `${id} ${issuedAt.getTime()}`;
}
