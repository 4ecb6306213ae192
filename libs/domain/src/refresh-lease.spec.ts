import fc from 'fast-check';
import { callMs, leaseMs } from './refresh-lease';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('a lease', () => {
  it.each([
    { what: 'a token with twenty minutes left', left: 20 * MINUTE, lease: 60, call: 15 },
    { what: 'a token with two minutes left', left: 2 * MINUTE, lease: 30, call: 15 },
    { what: 'a token with 40 s left', left: 40 * SECOND, lease: 10, call: 5 },
    { what: 'a token with a second left', left: SECOND, lease: 4, call: 2 },
    { what: 'a token that ends just now', left: 0, lease: 30, call: 15 },
    { what: 'a token that is over', left: -1, lease: 30, call: 15 },
    { what: 'a token without an end', left: null, lease: 60, call: 15 },
  ])('for $what lasts $lease s, a call under it $call s', ({ left, lease, call }) => {
    expect(leaseMs(left)).toBe(lease * SECOND);
    expect(callMs(leaseMs(left))).toBe(call * SECOND);
  });

  it('leaves half of itself for the commit, whatever is left', () => {
    fc.assert(
      fc.property(fc.option(fc.integer()), (left) => {
        const lease = leaseMs(left);
        expect(lease).toBeGreaterThanOrEqual(4 * SECOND);
        expect(lease).toBeLessThanOrEqual(60 * SECOND);
        expect(callMs(lease)).toBeLessThanOrEqual(lease / 2);
      }),
    );
  });
});
