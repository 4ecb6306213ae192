import type { Rate } from '@hub/config';
import type { RedisHearing } from '@hub/queues';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Too many. */
export interface Exceeded {
  readonly retryAfterMs: number;
  /** Whether it is the first time in this window, as far as this gateway knows. */
  readonly isFirst: boolean;
}

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
  /** Slices that are being counted. */
  private readonly counting = new Map<string, Promise<Exceeded | 'passes' | undefined>>();

  /**
   * @param name    part of the keys in Redis
   * @param hearing of that Redis: without it this process counts alone
   * @param slice   so many requests are counted in Redis at once, ahead of them; 1: each when it comes
   */
  constructor(
    redis: Redis,
    prefix: string,
    name: string,
    private readonly rate: Rate,
    private readonly hearing: RedisHearing,
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
   * @param key of whoever is counted, already a hash
   * @returns `undefined` if it may pass
   */
  async take(key: string): Promise<Exceeded | undefined> {
    const alone = await this.consume(this.local, key, 1);
    if (alone !== 'passes') return alone;
    if (!this.hearing.isGood) return undefined;
    if (this.slice === 1) return orPasses(await this.countInRedis(key));
    while (!this.takeFromSlice(key)) {
      const counted = await this.countSlice(key);
      if (counted !== 'passes') return counted;
    }
    return undefined;
  }

  /**
   * Counts the next slice in Redis, once for all who wait for it.
   *
   * @returns `undefined` if Redis did not take part. Who has only waited is not the first to be refused
   */
  private async countSlice(key: string): Promise<Exceeded | 'passes' | undefined> {
    const known = this.counting.get(key);
    if (known) return notFirst(await known);
    const counting = this.countInRedis(key)
      .then((counted) => {
        if (counted === 'passes') this.keepSlice(key);
        return counted;
      })
      .finally(() => this.counting.delete(key));
    this.counting.set(key, counting);
    return counting;
  }

  private async countInRedis(key: string): Promise<Exceeded | 'passes' | undefined> {
    const all = await this.consume(this.shared, key, this.slice);
    if (all === undefined || all === 'passes') return all;
    const isTold = (await this.over(key)) !== undefined; // by this process's own count
    await this.local.set(key, this.rate.count + 1, Math.ceil(all.retryAfterMs / 1_000)); // Redis need not say it again
    return isTold ? notFirst(all) : all;
  }

  /** Whether the key is known here to have come too often: nothing is counted, nobody is asked. */
  async over(key: string): Promise<Exceeded | undefined> {
    const seen = await this.local.get(key);
    if (!seen || seen.consumedPoints <= this.rate.count) return undefined;
    return { retryAfterMs: seen.msBeforeNext, isFirst: false };
  }

  /** @returns `undefined` if nothing was counted */
  private async consume(
    limiter: RateLimiterMemory | RateLimiterRedis,
    key: string,
    points: number,
  ): Promise<Exceeded | 'passes' | undefined> {
    try {
      await limiter.consume(key, points);
      return 'passes';
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return this.exceeded(refusal, points);
      this.hearing.note(refusal as Error); // RedisConnections tells of outages
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

function orPasses(counted: Exceeded | 'passes' | undefined): Exceeded | undefined {
  return counted === 'passes' ? undefined : counted;
}

function notFirst(counted: Exceeded | 'passes' | undefined): Exceeded | 'passes' | undefined {
  return typeof counted === 'object' ? { ...counted, isFirst: false } : counted;
}
