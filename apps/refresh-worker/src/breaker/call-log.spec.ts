import { TALLY_WINDOW_MS } from '@hub/domain';
import { CallLog, type HeardCall } from './call-log';

/** A call of an integration, at the one host for all unless it has its own. */
const call = (isFailure: boolean, integrationId = 'one', host: string | null = null): HeardCall => ({
  integrationId,
  host,
  isFailure,
});

function logOf(...calls: HeardCall[]): CallLog {
  const log = new CallLog();
  calls.forEach((one, atMs) => log.note(one, atMs));
  return log;
}

/** So many failures in a row, each of another integration. */
const ofAsMany = (calls: number) => ({ calls, integrations: calls, hosts: null });
/** So many of one. */
const ofOne = (calls: number) => ({ calls, integrations: 1, hosts: null });

test('a log without calls has an empty tally', () => {
  const none = { calls: 0, integrations: 0, hosts: 0 };
  expect(new CallLog().tally()).toEqual({ calls: 0, failed: none, failedInARow: none });
});

test('a success ends the failures in a row and keeps those before', () => {
  const log = logOf(call(true, 'a'), call(true, 'b'), call(false, 'c'), call(true, 'd'));
  expect(log.tally()).toEqual({ calls: 4, failed: ofAsMany(3), failedInARow: ofAsMany(1) });
});

test('failures without any success are all in a row', () => {
  const log = logOf(call(true, 'a'), call(true, 'b'), call(true, 'c'));
  expect(log.tally()).toEqual({ calls: 3, failed: ofAsMany(3), failedInARow: ofAsMany(3) });
});

test('one integration that is tried again and again is one', () => {
  const log = logOf(...Array.from({ length: 7 }, () => call(true)));
  expect(log.tally()).toEqual({ calls: 7, failed: ofOne(7), failedInARow: ofOne(7) });
});

test('two orgs on one shop are two integrations at one host', () => {
  const log = logOf(call(true, 'a', 'shop-1'), call(true, 'b', 'shop-1'), call(true, 'c', 'shop-2'));
  expect(log.tally().failed).toEqual({ calls: 3, integrations: 3, hosts: 2 });
});

test('a host that answers well is none of those that fail', () => {
  const log = logOf(call(false, 'a', 'shop-1'), call(true, 'b', 'shop-2'));
  expect(log.tally().failed).toEqual({ calls: 1, integrations: 1, hosts: 1 });
});

test('calls older than the window are forgotten', () => {
  const log = logOf(call(true, 'a'), call(true, 'b'));
  log.note(call(true, 'c'), TALLY_WINDOW_MS + 1);
  expect(log.tally()).toEqual({ calls: 1, failed: ofAsMany(1), failedInARow: ofAsMany(1) });
});

test('the latest two hundred calls count', () => {
  expect(logOf(...Array.from({ length: 500 }, () => call(true))).tally().calls).toBe(200);
});

test('forgetting empties it', () => {
  const log = logOf(call(true), call(true));
  log.forget();
  expect(log.tally().calls).toBe(0);
});
