import { heldFor, nextTurn } from './turn';

const URL = { key: 'url', burst: 1, everyMs: 100 };
const USER = { key: 'user', burst: 3, everyMs: 1_000 };
const PATIENCE_MS = 500;

/** Asks again and again, each time as soon as it may. @returns when the sends were, in milliseconds */
function sends(paces: (typeof URL)[], count: number, patienceMs = Infinity): number[] {
  let known: readonly (number | undefined)[] = [];
  const at: number[] = [];
  for (let nowMs = 0; at.length < count;) {
    const { turn, after } = nextTurn(paces, known, nowMs, patienceMs);
    nowMs += turn.inMs;
    known = after;
    if (turn.kind === 'kept') at.push(nowMs);
  }
  return at;
}

it('of a pace without a burst comes once in each interval', () => {
  expect(sends([URL], 4)).toEqual([0, 100, 200, 300]);
});

it('of a pace with a burst comes at once for as many, and then once in each interval', () => {
  expect(sends([USER], 5)).toEqual([0, 0, 0, 1_000, 2_000]);
});

it('waits for the slowest of all paces', () => {
  expect(sends([URL, USER], 5)).toEqual([0, 100, 200, 1_000, 2_000]);
});

it('never exceeds burst and intervals in any stretch', () => {
  const at = sends([USER], 200);
  for (const [place, startMs] of at.entries()) {
    const within = at.slice(place).filter((ms) => ms < startMs + 10_000).length;
    expect(within).toBeLessThanOrEqual(3 + 10);
  }
});

it('is kept for those who wait side by side, one behind the other', () => {
  let known: readonly (number | undefined)[] = [];
  const waits = [1, 2, 3].map(() => {
    const { turn, after } = nextTurn([URL], known, 0, PATIENCE_MS);
    known = after;
    return turn;
  });
  expect(waits).toEqual([0, 100, 200].map((inMs) => ({ kind: 'kept', inMs })));
});

it('that comes too late takes nothing of any pace', () => {
  const known = [50, 10_000];
  const { turn, after } = nextTurn([URL, USER], known, 0, PATIENCE_MS);
  expect(turn).toEqual({ kind: 'later', inMs: 8_000 });
  expect(after).toEqual(known);
});

it('of a burst that was rested for comes whole again', () => {
  const { after } = nextTurn([USER], [3_000], 0, Infinity);
  expect(nextTurn([USER], after, 60_000, 0).turn).toEqual({ kind: 'kept', inMs: 0 });
});

it.each([URL, USER])('comes after the patience that was asked for, whatever was left of a burst', (pace) => {
  const held = heldFor(pace, undefined, 1_000, 30_000);
  expect(nextTurn([pace], [held], 1_000, 0).turn).toEqual({ kind: 'later', inMs: 30_000 });
  expect(nextTurn([pace], [held], 31_000, 0).turn).toEqual({ kind: 'kept', inMs: 0 });
});

it('is not brought forward by a shorter wish', () => {
  const long = heldFor(URL, undefined, 0, 60_000);
  expect(heldFor(URL, long, 0, 1_000)).toBe(long);
});
