import fc from 'fast-check';
import { minutesFromNoon, NOON } from '../../../test/factories/integration';
import { firstRefreshAt, graceLeftMs, isDue, isLive, isYoung, lifeMs, remainingMs } from './refresh-plan';
import { retryDelayMs, RUNGS } from './retry-policy';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const ALMOST_ONE = 1 - Number.EPSILON;
const CHANCES = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const after = (ms: number): Date => new Date(NOON.getTime() + ms);
const lasting = (life: number) => ({ issuedAt: NOON, expiresAt: after(life), refreshExpiresAt: null });
/** Minutes from the grant to its refresh. */
const dueAfter = (grant: Parameters<typeof firstRefreshAt>[0], chance: number): number | null => {
  const due = firstRefreshAt(grant, NOON, chance);
  return due && (due.getTime() - NOON.getTime()) / MINUTE;
};

describe('the first refresh', () => {
  it('of a token that lives an hour falls due between 34 and 40 minutes', () => {
    expect(dueAfter(lasting(60 * MINUTE), 0)).toBe(40);
    expect(dueAfter(lasting(60 * MINUTE), ALMOST_ONE)).toBeCloseTo(34, 6);
  });

  it.each([
    { life: '1 d', lifeMs: DAY, earliest: 816, latest: 960 },
    { life: '1 h', lifeMs: 60 * MINUTE, earliest: 34, latest: 40 },
    { life: '30 min (a short ladder)', lifeMs: 30 * MINUTE, earliest: 16.5, latest: 19.5 },
    { life: '5 min (clocks may differ by 15 s)', lifeMs: 5 * MINUTE, earliest: 2.583333, latest: 3.083333 },
  ])('of a token that lives $life falls due after $earliest to $latest min', ({ lifeMs, earliest, latest }) => {
    expect(dueAfter(lasting(lifeMs), ALMOST_ONE)).toBeCloseTo(earliest, 4);
    expect(dueAfter(lasting(lifeMs), 0)).toBeCloseTo(latest, 4);
  });

  it('is not planned for a token without an end', () => {
    expect(dueAfter({ issuedAt: NOON, expiresAt: null, refreshExpiresAt: null }, 0.5)).toBeNull();
  });

  it('keeps alive a refresh token that dies unused, though the access token never ends', () => {
    const grant = { issuedAt: NOON, expiresAt: null, refreshExpiresAt: after(60 * DAY) };
    expect(dueAfter(grant, 0)).toBe(45 * 24 * 60);
    expect(dueAfter(grant, ALMOST_ONE)).toBeCloseTo(39 * 24 * 60, 4);
  });

  it('goes by whichever of the two ends comes first', () => {
    expect(dueAfter({ ...lasting(60 * MINUTE), refreshExpiresAt: after(60 * DAY) }, 0)).toBe(40);
    expect(dueAfter({ ...lasting(60 * DAY), refreshExpiresAt: after(60 * MINUTE) }, 0)).toBe(45);
  });

  it('counts from when the grant was asked for, however long the answer took', () => {
    const slow = { ...lasting(60 * MINUTE), issuedAt: NOON };
    expect(firstRefreshAt(slow, after(15 * SECOND), 0)).toEqual(after(40 * MINUTE));
  });

  it.each([0, -1, 1, 400])('is a second away at least for a token that lives %d ms', (life) => {
    expect(firstRefreshAt(lasting(life), NOON, 0.5)).toEqual(after(SECOND));
  });

  it('leaves time for every rung of the ladder and the clocks’ difference, for any life from a minute to a year', () => {
    fc.assert(
      fc.property(fc.integer({ min: MINUTE, max: 365 * DAY }), CHANCES, (life, chance) => {
        const due = firstRefreshAt(lasting(life), NOON, chance);
        const rungs = Array.from({ length: RUNGS }, (_, place) => retryDelayMs(place + 1, life));
        const lastTry = rungs.reduce((at, delay) => at + delay, due?.getTime() ?? NaN);
        const slack = Math.min(30 * SECOND, life / 20);
        expect(lastTry).toBeLessThanOrEqual(NOON.getTime() + life - slack);
      }),
    );
  });

  it.each([60, 61, 75, 90, 100, 120, 180, 300, 600, 1_800, 2_700, 3_600])(
    'of a token that lives %d s leaves room for all rungs and the last try',
    (seconds) => {
      const due = firstRefreshAt(lasting(seconds * SECOND), NOON, 0)?.getTime() ?? NaN;
      const rungs = Array.from({ length: RUNGS }, (_, place) => retryDelayMs(place + 1, seconds * SECOND));
      const lastTry = rungs.reduce((at, delay) => at + delay, due);
      expect(lastTry + SECOND).toBeLessThan(NOON.getTime() + seconds * SECOND);
    },
  );

  it('never falls into the first third of a life, where no refresh is asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10 * SECOND, max: 365 * DAY }), CHANCES, (life, chance) => {
        const due = firstRefreshAt(lasting(life), NOON, chance) ?? NOON;
        expect(isYoung(lasting(life), due)).toBe(false);
      }),
    );
  });
});

describe('a token’s times', () => {
  it.each([
    { what: 'an end in the future', expiresAt: after(1), life: 1, left: 1, live: true },
    { what: 'an end just now', expiresAt: after(0), life: 0, left: 0, live: false },
    { what: 'an end before its begin', expiresAt: after(-5), life: 0, left: -5, live: false },
    { what: 'no known end', expiresAt: null, life: null, left: null, live: true },
  ])('with $what', ({ expiresAt, life, left, live }) => {
    expect(lifeMs({ issuedAt: NOON, expiresAt })).toBe(life);
    expect(remainingMs({ expiresAt }, NOON)).toBe(left);
    expect(isLive({ expiresAt }, NOON)).toBe(live);
  });

  it('is young for the first third of its life, and never without an end', () => {
    const token = lasting(60 * MINUTE);
    expect([0, 19.99, 20, 40].map((minutes) => isYoung(token, minutesFromNoon(minutes)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([-1, 0, 1].map((minutes) => isYoung({ issuedAt: NOON, expiresAt: null }, minutesFromNoon(minutes)))).toEqual(
      [false, false, false],
    );
  });
});

describe('the while in which a spent refresh token is taken again', () => {
  it.each([
    { what: 'begins with its first presentation', since: NOON, graceMs: 30_000, left: 20_000 },
    { what: 'is over after the provider’s grace', since: after(-60_000), graceMs: 30_000, left: -40_000 },
    { what: 'is unknown where nothing is in doubt', since: null, graceMs: 30_000, left: null },
    { what: 'is unknown where the provider names none', since: NOON, graceMs: null, left: null },
  ])('$what', ({ since, graceMs, left }) => {
    expect(graceLeftMs(since, graceMs, after(10_000))).toBe(left);
  });
});

describe('a refresh is due', () => {
  it.each([
    { what: 'once its time has come', status: 'connected', nextRefreshAt: NOON, due: true },
    { what: 'while it is overdue', status: 'refresh_failing', nextRefreshAt: minutesFromNoon(-99), due: true },
    { what: 'not before', status: 'connected', nextRefreshAt: after(1), due: false },
    { what: 'not where nothing ends', status: 'connected', nextRefreshAt: null, due: false },
    { what: 'not where only a person can mend it', status: 'reauth_required', nextRefreshAt: NOON, due: false },
  ] as const)('$what', ({ status, nextRefreshAt, due }) => {
    expect(isDue({ status, nextRefreshAt }, NOON)).toBe(due);
  });
});
