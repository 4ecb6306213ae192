import fc from 'fast-check';
import { callMs, leaseMs, leaseWithinGraceMs, patienceMs } from './refresh-lease';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('a lease', () => {
  it.each([
    { what: 'a token with twenty minutes left', left: 20 * MINUTE, lease: 40, call: 15 },
    { what: 'a token with two minutes left', left: 2 * MINUTE, lease: 30, call: 15 },
    { what: 'a token with 40 s left', left: 40 * SECOND, lease: 10, call: 5 },
    { what: 'a token with a second left', left: SECOND, lease: 4, call: 2 },
    { what: 'a token that ends just now', left: 0, lease: 30, call: 15 },
    { what: 'a token that is over', left: -1, lease: 30, call: 15 },
    { what: 'a token without an end', left: null, lease: 40, call: 15 },
  ])('for $what lasts $lease s, a call under it $call s', ({ left, lease, call }) => {
    expect(leaseMs(left)).toBe(lease * SECOND);
    expect(callMs(leaseMs(left))).toBe(call * SECOND);
  });

  it('of somebody who died is over, and the next one has asked, within a minute', () => {
    fc.assert(
      fc.property(fc.option(fc.integer()), (left) => {
        expect(leaseMs(left) + callMs(leaseMs(left))).toBeLessThan(MINUTE);
      }),
    );
  });

  it('leaves half of itself for the commit, whatever is left', () => {
    fc.assert(
      fc.property(fc.option(fc.integer()), (left) => {
        const lease = leaseMs(left);
        expect(lease).toBeGreaterThanOrEqual(4 * SECOND);
        expect(lease).toBeLessThanOrEqual(40 * SECOND);
        expect(callMs(lease)).toBeLessThanOrEqual(lease / 2);
      }),
    );
  });
});

describe('a lease where a spent token is taken again for a while only', () => {
  it.each([
    { what: 'ends before half of it is over', lease: 40, left: 30, shorter: 15 },
    { what: 'is as ever where that while is long', lease: 40, left: 600, shorter: 40 },
    { what: 'is not longer for it', lease: 5, left: 600, shorter: 5 },
    { what: 'leaves time for a call', lease: 40, left: 3, shorter: 4 },
    { what: 'is as ever once that while is over', lease: 40, left: 0, shorter: 40 },
  ])('$what', ({ lease, left, shorter }) => {
    expect(leaseWithinGraceMs(lease * SECOND, left * SECOND)).toBe(shorter * SECOND);
  });

  it('is as ever where no such while is known', () => {
    expect(leaseWithinGraceMs(40 * SECOND, null)).toBe(40 * SECOND);
  });
});

it.each([
  { what: 'five seconds', lease: 40, patience: 5 },
  { what: 'half a lease where the life is short', lease: 6, patience: 3 },
])('the patience with an answer that waits for the database is $what', ({ lease, patience }) => {
  expect(patienceMs(lease * SECOND)).toBe(patience * SECOND);
});
