import fc from 'fast-check';
import {
  isConfirmedVerdict,
  isMassVerdict,
  isOutage,
  probeDelayMs,
  refusesRegistration,
  speaksAgainstProvider,
  TALLY_WINDOW_MS,
  type CallTally,
  type FailedCalls,
} from './breaker';
import { failure } from './failure';

describe('what speaks against a provider', () => {
  test.each([
    ['an outage', failure('provider_unavailable', 'http_503'), true],
    ['a lost answer', failure('token_refresh_failed', 'timeout'), true],
    ['a refused client', failure('provider_misconfigured', 'invalid_client'), true],
    ['a throttle', failure('rate_limited', 'http_429'), false],
    ['a dead grant', failure('invalid_grant', 'invalid_grant'), false],
    ['a bug of the hub', failure('internal', 'unexpected_error'), false],
    ['a refused shop', failure('provider_misconfigured', 'shop_not_permitted', { concerns: 'integration' }), false],
  ])('%s: %p', (_name, refusal, speaks) => expect(speaksAgainstProvider(refusal)).toBe(speaks));

  test.each([
    ['a refused client is', failure('provider_misconfigured', 'invalid_client'), true],
    ['an outage is not', failure('provider_unavailable', 'http_503'), false],
    ['a refused shop is not', failure('provider_misconfigured', 'x', { concerns: 'integration' }), false],
    ['a bug of the hub is not', failure('internal', 'unexpected_error'), false],
  ])('%s a refusal of the registration', (_name, refusal, refuses) =>
    expect(refusesRegistration(refusal)).toBe(refuses),
  );
});

describe('an outage', () => {
  /** Failed calls of so many integrations at one host for all, or each at a shop of its own. */
  const failed = (calls: number, integrations = calls, hosts: number | null = null): FailedCalls => ({
    calls,
    integrations,
    hosts,
  });
  const inARow = (row: FailedCalls): CallTally => ({ calls: row.calls, failed: row, failedInARow: row });
  const ofCalls = (calls: number, all: FailedCalls): CallTally => ({ calls, failed: all, failedInARow: failed(1) });

  test.each<[string, CallTally, boolean]>([
    ['four failures in a row are bad luck', inARow(failed(4)), false],
    ['five in a row are not', inARow(failed(5)), true],
    ['five in a row of two integrations are theirs', inARow(failed(5, 2)), false],
    ['five in a row of three are not', inARow(failed(5, 3)), true],
    ['fifty in a row of one integration are its own', inARow(failed(50, 1)), false],
    ['five in a row of five orgs at two shops are of those shops', inARow(failed(5, 5, 2)), false],
    ['five in a row at three shops are not', inARow(failed(5, 5, 3)), true],
    ['five in a row of two orgs that have three shops between them are theirs', inARow(failed(5, 2, 3)), false],
    ['half of twenty calls', ofCalls(20, failed(10)), true],
    ['less than half of twenty', ofCalls(20, failed(9)), false],
    ['half of nineteen calls', ofCalls(19, failed(10)), false],
    ['half of twenty calls, all of two integrations', ofCalls(20, failed(10, 2)), false],
    ['half of twenty calls, of three integrations', ofCalls(20, failed(10, 3)), true],
    ['half of twenty calls, all at two shops', ofCalls(20, failed(10, 10, 2)), false],
    ['half of twenty calls, at three shops', ofCalls(20, failed(10, 10, 3)), true],
    [
      'five in a row of one integration, after failures of others that a success has ended',
      { calls: 10, failed: failed(9, 5), failedInARow: failed(5, 1) },
      false,
    ],
  ])('%s', (_name, tally, opens) => expect(isOutage(tally)).toBe(opens));

  const counts = fc.nat(300);
  const breadth = fc.record({ calls: counts, integrations: counts, hosts: fc.option(counts) });

  it('is never said by fewer than three integrations, nor by fewer than three hosts of tenants', () => {
    const narrow = fc.oneof(
      breadth.map((all) => ({ ...all, integrations: all.integrations % 3 })),
      breadth.map((all) => ({ ...all, hosts: (all.hosts ?? 0) % 3 })),
    );
    fc.assert(
      fc.property(counts, narrow, narrow, (calls, all, row) => {
        expect(isOutage({ calls, failed: all, failedInARow: row })).toBe(false);
      }),
    );
  });

  it('stays one where more fail, of more integrations and at more hosts', () => {
    const more = (some: FailedCalls, by: number): FailedCalls => ({
      calls: some.calls + by,
      integrations: some.integrations + by,
      hosts: some.hosts === null ? null : some.hosts + by,
    });
    fc.assert(
      fc.property(counts, breadth, breadth, fc.nat(20), (others, all, row, by) => {
        const tally = { calls: all.calls + others, failed: all, failedInARow: row };
        fc.pre(isOutage(tally));
        const worse = { calls: tally.calls + by, failed: more(all, by), failedInARow: more(row, by) };
        expect(isOutage(worse)).toBe(true);
      }),
    );
  });
});

test('what is older than five minutes says nothing about now', () => expect(TALLY_WINDOW_MS).toBe(300_000));

describe('a mass verdict', () => {
  test.each([
    ['nineteen dead grants may have died by themselves', { definite: 19, settled: 19, accounts: 19 }, false],
    ['twenty of forty may not', { definite: 20, settled: 40, accounts: 20 }, true],
    ['twenty of forty-one may', { definite: 20, settled: 41, accounts: 20 }, false],
    ['a hundred on two accounts are those of two people', { definite: 100, settled: 100, accounts: 2 }, false],
    ['twenty on three accounts may not', { definite: 20, settled: 20, accounts: 3 }, true],
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
