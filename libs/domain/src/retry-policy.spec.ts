import fc from 'fast-check';
import { ladderIsSpent, ladderMs, refreshDelayMs, retryDelayMs, RUNGS, withinGraceMs } from './retry-policy';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('the ladder', () => {
  it.each([
    { failures: 1, delay: 1 * MINUTE },
    { failures: 2, delay: 2 * MINUTE },
    { failures: 3, delay: 4 * MINUTE },
    { failures: 4, delay: 8 * MINUTE },
    { failures: 5, delay: 8 * MINUTE },
    { failures: 6, delay: 8 * MINUTE },
    { failures: 1000, delay: 8 * MINUTE },
  ])('waits $delay ms after failure $failures', ({ failures, delay }) => {
    expect(retryDelayMs(failures)).toBe(delay);
  });

  it.each([0, -3, 0.5])('takes %d failures for the first', (failures) => {
    expect(retryDelayMs(failures)).toBe(1 * MINUTE);
  });

  it.each([
    { life: '1 y', lifeMs: 365 * DAY, rungs: [60, 120, 240, 480] },
    { life: '1 h', lifeMs: HOUR, rungs: [60, 120, 240, 480] },
    { life: '48 min', lifeMs: 48 * MINUTE, rungs: [60, 120, 240, 480] },
    { life: '30 min', lifeMs: 30 * MINUTE, rungs: [37.5, 75, 150, 300] },
    { life: '5 min', lifeMs: 5 * MINUTE, rungs: [6.25, 12.5, 25, 50] },
    { life: '1 min', lifeMs: MINUTE, rungs: [1.25, 2.5, 5, 10] },
    { life: '15 s (no ladder fits)', lifeMs: 15 * SECOND, rungs: [1, 1, 1.25, 2.5] },
  ])('of a token that lives $life has the rungs $rungs s', ({ lifeMs, rungs }) => {
    expect(rungs.map((_, place) => retryDelayMs(place + 1, lifeMs) / SECOND)).toEqual(rungs);
  });

  it.each([0, -5])('of a token without a life (%d ms) is the full one', (lifeMs) => {
    expect(retryDelayMs(2, lifeMs)).toBe(2 * MINUTE);
  });

  it('has four rungs, and is spent with the failure after the last', () => {
    expect([0, 1, 2, 3, 4, 5, 6].filter((failures) => ladderIsSpent(failures))).toEqual([RUNGS + 1, RUNGS + 2]);
  });

  it('never waits under 1 s or over 8 min, and never less than one failure before', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.option(fc.integer({ min: 1, max: 10 * 365 * DAY })), (failures, lifeMs) => {
        const delay = retryDelayMs(failures, lifeMs);
        expect(delay).toBeGreaterThanOrEqual(SECOND);
        expect(delay).toBeLessThanOrEqual(8 * MINUTE);
        expect(delay).toBeLessThanOrEqual(retryDelayMs(failures + 1, lifeMs));
      }),
    );
  });

  it('takes a third of a short life, or 16 min, the last try included', () => {
    expect(ladderMs(30 * MINUTE)).toBeCloseTo(10 * MINUTE);
    expect(ladderMs(HOUR)).toBe(16 * MINUTE);
  });
});

describe('the wait after a failed refresh', () => {
  it.each([
    { what: 'is the ladder’s where the provider asks for nothing', asked: undefined, left: 20 * MINUTE, wait: 60 },
    { what: 'is the ladder’s where the provider asks for less', asked: 10 * SECOND, left: 20 * MINUTE, wait: 60 },
    { what: 'is the provider’s wish where the margin allows it', asked: 90 * SECOND, left: 20 * MINUTE, wait: 90 },
    { what: 'is half of what remains where it asks for more', asked: HOUR, left: 20 * MINUTE, wait: 600 },
    { what: 'is the ladder’s where half of what remains is less', asked: HOUR, left: MINUTE, wait: 60 },
    { what: 'is the ladder’s where the provider asks for less, end or not', asked: 10 * SECOND, left: null, wait: 60 },
    { what: 'is the wish where the token has no end', asked: 20 * MINUTE, left: null, wait: 1_200 },
    { what: 'is an hour at most where the token has no end', asked: 5 * HOUR, left: null, wait: 3_600 },
    { what: 'is the wish once the token is over, where that is short', asked: 90 * SECOND, left: -MINUTE, wait: 90 },
    { what: 'is eight minutes at most once the token is over', asked: 5 * HOUR, left: -MINUTE, wait: 480 },
    { what: 'is eight minutes at most for a whole day', asked: 5 * HOUR, left: -DAY, wait: 480 },
    { what: 'is eight minutes at most when the token ends just now', asked: 5 * HOUR, left: 0, wait: 480 },
    { what: 'stays the ladder’s while the token is dead for less than a day', asked: undefined, left: -DAY, wait: 60 },
    { what: 'is an hour once it is dead for longer', asked: undefined, left: -DAY - 1, wait: 3_600 },
    { what: 'is an hour then, whatever is asked for', asked: 20 * HOUR, left: -2 * DAY, wait: 3_600 },
  ])('$what', ({ asked, left, wait }) => {
    expect(refreshDelayMs(1, HOUR, left, asked) / SECOND).toBe(wait);
  });

  it('is never shorter than the ladder’s, leaves half of what remains if the ladder does, and ends soon where nothing does', () => {
    const times = fc.record({
      failures: fc.integer({ min: 1, max: 20 }),
      lifeMs: fc.integer({ min: SECOND, max: 365 * DAY }),
      leftMs: fc.integer({ min: -3 * DAY, max: 365 * DAY }),
      askedMs: fc.option(fc.integer({ min: 0, max: 10 * DAY }), { nil: undefined }),
    });
    fc.assert(
      fc.property(times, ({ failures, lifeMs, leftMs, askedMs }) => {
        const ladder = retryDelayMs(failures, lifeMs);
        const wait = refreshDelayMs(failures, lifeMs, leftMs, askedMs);
        expect(wait).toBeGreaterThanOrEqual(ladder);
        const longest = leftMs > 0 ? leftMs / 2 : leftMs >= -DAY ? 8 * MINUTE : HOUR;
        expect(wait).toBeLessThanOrEqual(Math.max(ladder, longest));
      }),
    );
  });
});

describe('a token that may be spent, and is taken again for a while only', () => {
  it.each([
    { what: 'comes again before half of it is over', delay: 60, left: 30, wait: 15 },
    { what: 'comes on its rung where that is sooner', delay: 60, left: 1_800, wait: 60 },
    { what: 'comes no sooner than anything', delay: 60, left: 0.5, wait: 1 },
    { what: 'comes on its rung once that while is over', delay: 60, left: 0, wait: 60 },
    { what: 'comes on its rung long after', delay: 480, left: -600, wait: 480 },
  ])('$what', ({ delay, left, wait }) => {
    expect(withinGraceMs(delay * SECOND, left * SECOND)).toBe(wait * SECOND);
  });

  it('comes on its rung where no such while is known', () => {
    expect(withinGraceMs(MINUTE, null)).toBe(MINUTE);
  });
});
