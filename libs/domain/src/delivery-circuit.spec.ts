import fc from 'fast-check';
import { FAILURES, minutesFromNoon, NOON } from '../../../test/factories/integration';
import {
  circuitAfterFailure,
  circuitPauseMs,
  circuitWaitMs,
  CLOSED_CIRCUIT,
  isHalfOpen,
  speaksAgainstReceiver,
  type Circuit,
} from './delivery-circuit';
import { failure, FAILURE_CODES } from './failure';

const MINUTE = 60_000;
const down = failure('provider_unavailable', 'http_503');
const throttled = failure('rate_limited', 'http_429');
const tooLarge = failure('provider_misconfigured', 'http_413');
const ours = failure('internal', 'not_authentic');

/** The circuit after so many failures in a row, each a trial once it has opened. */
function afterFailures(count: number): Circuit {
  let circuit: Circuit = CLOSED_CIRCUIT;
  for (let made = 0; made < count; made += 1) circuit = circuitAfterFailure(circuit, down, NOON, isHalfOpen(circuit));
  return circuit;
}

describe('a circuit', () => {
  it.each([
    { failures: 1, openMin: null },
    { failures: 4, openMin: null },
    { failures: 5, openMin: 1 },
    { failures: 6, openMin: 2 },
    { failures: 7, openMin: 4 },
    { failures: 8, openMin: 8 },
    { failures: 9, openMin: 16 },
    { failures: 10, openMin: 30 },
    { failures: 11, openMin: 30 },
    { failures: 40, openMin: 30 },
  ])('after $failures failures in a row stands open for $openMin min', ({ failures, openMin }) => {
    expect(afterFailures(failures)).toEqual({
      failures,
      openUntil: openMin === null ? null : minutesFromNoon(openMin),
    });
    expect(isHalfOpen(afterFailures(failures))).toBe(openMin !== null);
  });

  it.each([
    { openUntil: null, waitMs: 0 },
    { openUntil: minutesFromNoon(2), waitMs: 2 * MINUTE },
    { openUntil: NOON, waitMs: 0 },
    { openUntil: minutesFromNoon(-1), waitMs: 0 },
  ])('that is open until $openUntil has others wait for $waitMs ms', ({ openUntil, waitMs }) => {
    expect(circuitWaitMs({ failures: 5, openUntil }, NOON)).toBe(waitMs);
  });

  it('pauses no less than a minute, and no more than half an hour, however often it has failed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), (failures) => {
        expect(circuitPauseMs(failures)).toBeGreaterThanOrEqual(MINUTE);
        expect(circuitPauseMs(failures)).toBeLessThanOrEqual(30 * MINUTE);
        expect(circuitPauseMs(failures)).toBeLessThanOrEqual(circuitPauseMs(failures + 1));
      }),
    );
  });

  it('that has opened learns nothing of those that were under way then', () => {
    const open = afterFailures(5);
    expect(circuitAfterFailure(open, down, minutesFromNoon(3), false)).toBe(open);
  });

  it.each([
    ['a throttle', throttled],
    ['a refusal of one message', tooLarge],
    ['a definite word', FAILURES.revoked],
  ])('closes by %s: somebody has answered', (_what, answer) => {
    expect(circuitAfterFailure(afterFailures(3), answer, NOON, false)).toEqual(CLOSED_CIRCUIT);
    expect(circuitAfterFailure(afterFailures(6), answer, NOON, true)).toEqual(CLOSED_CIRCUIT);
  });

  it('stays as it is where the hub failed by itself, and lets the next trial through at once', () => {
    expect(circuitAfterFailure(afterFailures(3), ours, NOON, false)).toEqual(afterFailures(3));
    const open = afterFailures(6);
    expect(circuitAfterFailure(open, ours, NOON, false)).toBe(open);
    expect(circuitAfterFailure(open, ours, NOON, true)).toEqual({ failures: 6, openUntil: NOON });
  });
});

it.each(
  FAILURE_CODES.flatMap((code) =>
    (['definite', 'in_doubt', 'transient', 'ours'] as const).map((kind) => ({ code, kind })),
  ),
)('$code ($kind) speaks against the receiver where no usable answer came', ({ code, kind }) => {
  const isAgainst = code !== 'rate_limited' && (kind === 'in_doubt' || kind === 'transient');
  expect(speaksAgainstReceiver(failure(code, 'words', { kind }))).toBe(isAgainst);
});
