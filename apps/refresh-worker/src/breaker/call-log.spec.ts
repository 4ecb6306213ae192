import { TALLY_WINDOW_MS } from '@hub/domain';
import { CallLog } from './call-log';

function logOf(...failures: boolean[]): CallLog {
  const log = new CallLog();
  failures.forEach((isFailure, atMs) => log.note(isFailure, atMs));
  return log;
}

test('a log without calls has an empty tally', () => {
  expect(new CallLog().tally()).toEqual({ calls: 0, failures: 0, failuresInARow: 0 });
});

test('a success ends the failures in a row and keeps those before', () => {
  expect(logOf(true, true, false, true).tally()).toEqual({ calls: 4, failures: 3, failuresInARow: 1 });
});

test('failures without any success are all in a row', () => {
  expect(logOf(true, true, true).tally()).toEqual({ calls: 3, failures: 3, failuresInARow: 3 });
});

test('calls older than the window are forgotten', () => {
  const log = logOf(true, true);
  log.note(true, TALLY_WINDOW_MS + 1);
  expect(log.tally()).toEqual({ calls: 1, failures: 1, failuresInARow: 1 });
});

test('the latest two hundred calls count', () => {
  expect(logOf(...Array.from({ length: 500 }, () => true)).tally().calls).toBe(200);
});

test('forgetting empties it', () => {
  const log = logOf(true, true);
  log.forget();
  expect(log.tally().calls).toBe(0);
});
