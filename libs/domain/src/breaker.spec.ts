import {
  isConfirmedVerdict,
  isMassVerdict,
  isOutage,
  probeDelayMs,
  speaksAgainstProvider,
  TALLY_WINDOW_MS,
} from './breaker';
import { failure } from './failure';

describe('what speaks against a provider', () => {
  test.each([
    ['an outage', failure('provider_unavailable', 'http_503'), true],
    ['a lost answer', failure('token_refresh_failed', 'timeout'), true],
    ['a refused client', failure('provider_misconfigured', 'invalid_client'), true],
    ['a throttle', failure('rate_limited', 'http_429'), false],
    ['a dead grant', failure('invalid_grant', 'invalid_grant'), false],
  ])('%s: %p', (_name, refusal, speaks) => expect(speaksAgainstProvider(refusal)).toBe(speaks));
});

describe('an outage', () => {
  test.each([
    ['four failures in a row are bad luck', { calls: 4, failures: 4, failuresInARow: 4 }, false],
    ['five in a row are not', { calls: 5, failures: 5, failuresInARow: 5 }, true],
    ['half of twenty calls', { calls: 20, failures: 10, failuresInARow: 1 }, true],
    ['less than half of twenty', { calls: 20, failures: 9, failuresInARow: 4 }, false],
    ['half of nineteen calls', { calls: 19, failures: 10, failuresInARow: 1 }, false],
  ])('%s', (_name, tally, opens) => expect(isOutage(tally)).toBe(opens));
});

test('what is older than five minutes says nothing about now', () => expect(TALLY_WINDOW_MS).toBe(300_000));

describe('a mass verdict', () => {
  test.each([
    ['nineteen dead grants may have died by themselves', { definite: 19, settled: 19 }, false],
    ['twenty of forty may not', { definite: 20, settled: 40 }, true],
    ['twenty of forty-one may', { definite: 20, settled: 41 }, false],
  ])('%s', (_name, tally, held) => expect(isMassVerdict(tally)).toBe(held));
});

describe('a verdict is confirmed', () => {
  const [earlier, later] = [new Date(1_000), new Date(2_000)];
  test.each<[string, Date | null, Date | null, boolean]>([
    ['by a refusal after the breaker has closed', earlier, later, true],
    ['also where the closing itself lifted it', earlier, earlier, true],
    ['not by one since the breaker closed', later, earlier, false],
    ['not by the first refusal', null, later, false],
    ['not before any breaker has closed', earlier, null, false],
  ])('%s', (_sentence, heldAt, closedAt, confirmed) => expect(isConfirmedVerdict(heldAt, closedAt)).toBe(confirmed));
});

test('probes come after 5, 10, 20, 40 seconds, then every minute', () => {
  expect([0, 1, 2, 3, 4, 9].map(probeDelayMs)).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});
