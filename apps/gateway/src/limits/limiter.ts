import type { Rate } from '@hub/config';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Too many. */
export interface Exceeded {
  readonly retryAfterMs: number;
  /** Whether it is the first time in this window, as far as this gateway knows. */
  readonly isFirst: boolean;
}

/** Redis did not take part in a count. */
export type OnUncounted = (error: Error) => void;

/**
 * Counts by key in windows that begin with their first request: in this process, and together with all other gateways in
 * Redis. What this process alone has seen too often is refused without asking Redis; where Redis does not answer, this
 * process's own count is the limit.
 */
export class Limiter {
  private readonly local: RateLimiterMemory;
  private readonly shared: RateLimiterRedis;
  /** Requests that Redis has counted ahead, by key. */
  private readonly slices = new Map<string, { left: number; readonly endsMs: number }>();
  /** Slices that Redis is being asked for, by key: a crowd asks for one at a time, not each for its own. */
  private readonly asked = new Map<string, Promise<Exceeded | undefined>>();

  /**
   * @param name  part of the keys in Redis
   * @param slice so many requests are counted in Redis at once, ahead of them; 1: each when it comes
   */
  constructor(
    redis: Redis,
    prefix: string,
    name: string,
    private readonly rate: Rate,
    private readonly onUncounted: OnUncounted,
    private readonly slice = 1,
  ) {
    const options = { points: rate.count, duration: rate.windowMs / 1_000 };
    this.local = new RateLimiterMemory({ ...options, keyPrefix: '' });
    this.shared = new RateLimiterRedis({
      ...options,
      storeClient: redis,
      keyPrefix: `${prefix}:limit:${name}`,
      rejectIfRedisNotReady: true,
    });
  }

  /**
   * Counts one request.
   *
   * @param key      of whoever is counted, already a hash
   * @param askRedis false while Redis is known to be deaf
   * @returns `undefined` if it may pass
   */
  async take(key: string, askRedis: boolean): Promise<Exceeded | undefined> {
    const alone = await this.consume(this.local, key, 1);
    if (alone) return alone;
    if (!askRedis) return undefined;
    if (this.slice === 1) return this.askFor(key);
    while (!this.takeFromSlice(key)) {
      const all = await this.nextSlice(key);
      if (all) return all;
    }
    return undefined;
  }

  private async nextSlice(key: string): Promise<Exceeded | undefined> {
    const underWay = this.asked.get(key);
    if (underWay) {
      const all = await underWay;
      return all && { ...all, isFirst: false };
    }
    const asking = this.askFor(key).finally(() => this.asked.delete(key));
    this.asked.set(key, asking);
    return asking;
  }

  private async askFor(key: string): Promise<Exceeded | undefined> {
    const all = await this.consume(this.shared, key, this.slice);
    if (all)
      await this.local.set(key, this.rate.count + 1, Math.ceil(all.retryAfterMs / 1_000)); // Redis need not say it again
    else if (this.slice > 1) this.keepSlice(key);
    return all;
  }

  /** Whether the key is known here to have come too often: nothing is counted, nobody is asked. */
  async over(key: string): Promise<Exceeded | undefined> {
    const seen = await this.local.get(key);
    if (!seen || seen.consumedPoints <= this.rate.count) return undefined;
    return { retryAfterMs: seen.msBeforeNext, isFirst: false };
  }

  private async consume(
    limiter: RateLimiterMemory | RateLimiterRedis,
    key: string,
    points: number,
  ): Promise<Exceeded | undefined> {
    try {
      await limiter.consume(key, points);
      return undefined;
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return this.exceeded(refusal, points);
      this.onUncounted(refusal as Error);
      return undefined;
    }
  }

  private exceeded({ msBeforeNext, consumedPoints }: RateLimiterRes, points: number): Exceeded {
    return { retryAfterMs: msBeforeNext, isFirst: consumedPoints <= this.rate.count + points };
  }

  private takeFromSlice(key: string): boolean {
    const slice = this.slices.get(key);
    if (!slice) return false;
    if (slice.left === 0 || slice.endsMs <= performance.now()) {
      this.slices.delete(key);
      return false;
    }
    slice.left -= 1;
    return true;
  }

  /** Slices that are over go with the next look: there is at most one for each caller of a window. */
  private keepSlice(key: string): void {
    const now = performance.now();
    for (const [other, { endsMs }] of this.slices) {
      if (endsMs > now) break; // all live equally long, so the oldest come first
      this.slices.delete(other);
    }
    this.slices.delete(key);
    this.slices.set(key, { left: this.slice, endsMs: now + this.rate.windowMs });
  }
}
