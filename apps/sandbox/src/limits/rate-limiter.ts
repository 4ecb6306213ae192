/** A sliding window: at most `calls` in any stretch of `perSeconds`. Refused calls do not count. */
export class SlidingWindow {
  private readonly taken: number[] = [];

  /** `now` in milliseconds of a steady clock. Answers the seconds to wait, or null when the call is admitted. */
  take(now: number, limit: { calls: number; perSeconds: number }): number | null {
    const windowMs = limit.perSeconds * 1000;
    while (this.taken.length > 0 && this.taken[0]! <= now - windowMs) this.taken.shift();
    if (this.taken.length >= limit.calls) return (this.taken[0]! + windowMs - now) / 1000;
    this.taken.push(now);
    return null;
  }
}

const KEYS_KEPT = 20_000;

/** One sliding window per key (a provider's token endpoint, an account's API). */
export class RateLimiter {
  private readonly windows = new Map<string, SlidingWindow>();

  take(key: string, now: number, limit: { calls: number; perSeconds: number } | null): number | null {
    if (!limit) return null;
    let window = this.windows.get(key);
    if (!window) {
      window = new SlidingWindow();
      this.windows.set(key, window);
      if (this.windows.size > KEYS_KEPT) this.windows.delete(this.windows.keys().next().value!);
    }
    return window.take(now, limit);
  }

  clear(): void {
    this.windows.clear();
  }
}
