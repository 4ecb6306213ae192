import { RateLimiter } from './rate-limiter';

const LIMIT = { calls: 2, perSeconds: 1 };

describe('a rate limit', () => {
  it('admits so many in any window, not only in a calendar second', () => {
    const limiter = new RateLimiter();
    const waits = [900, 950, 1000, 1800, 1899, 1901, 1950, 1951].map((at) => limiter.take('k', at, LIMIT));
    expect(waits).toEqual([null, null, 0.9, 0.1, 0.001, null, null, 0.95]);
  });

  it('is kept per key, and absent without a limit', () => {
    const limiter = new RateLimiter();
    expect([1, 2].map(() => limiter.take('a', 0, { calls: 1, perSeconds: 1 }))).toEqual([null, 1]);
    expect(limiter.take('b', 0, { calls: 1, perSeconds: 1 })).toBeNull();
    expect(limiter.take('a', 0, null)).toBeNull();
  });
});
