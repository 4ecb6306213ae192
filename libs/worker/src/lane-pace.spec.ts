import { afterThrottle, FULL_PACE, shareAt } from './lane-pace';

const SECOND = 1_000;

/** The share of a lane's pace at a moment, after throttles at these. */
function shareAfter(throttlesAtMs: readonly number[], nowMs: number): number {
  return shareAt(throttlesAtMs.reduce(afterThrottle, FULL_PACE), nowMs);
}

it.each<[string, number[], number, number]>([
  ['is whole at first', [], 5 * SECOND, 1],
  ['is halved by a throttle', [0], 0, 1 / 2],
  ['grows back little by little', [0], 30 * SECOND, 3 / 4],
  ['is whole again after a minute', [0], 60 * SECOND, 1],
  ['never grows beyond that', [0], 600 * SECOND, 1],
  ['is halved again by the next throttle, from where it has come to', [0, 30 * SECOND], 30 * SECOND, 3 / 8],
  ['is never nothing', [0, 0, 0, 0, 0, 0, 0], 0, 1 / 16],
])("a lane's pace %s", (_sentence, throttles, nowMs, share) => {
  expect(shareAfter(throttles, nowMs)).toBeCloseTo(share);
});
