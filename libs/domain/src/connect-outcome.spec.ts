import { aGrant, minutesFromNoon, NOON } from '../../../test/factories/integration';
import { afterConnect, isOtherAccount } from './connect-outcome';

const ada = { id: 'account-1', label: 'ada@example.com' };
const connected = {
  grant: aGrant(),
  account: ada,
  inputs: { shop: 'ada' },
  metadata: { plan: 'basic' },
  refreshable: true,
  again: false,
};

describe('a completed connect', () => {
  it('starts everything anew, with a sync at once', () => {
    expect(afterConnect(connected, NOON, 0).patch).toEqual({
      status: 'connected',
      grant: aGrant(),
      account: ada,
      inputs: { shop: 'ada' },
      metadata: { plan: 'basic' },
      nextRefreshAt: minutesFromNoon(40),
      failedRefreshes: 0,
      inDoubtSince: null,
      refreshFailure: null,
      refusalHeldAt: null,
      nextSyncAt: NOON,
      failedSyncs: 0,
      syncFailure: null,
    });
  });

  it('plans no refresh where the provider grants none', () => {
    const change = afterConnect({ ...connected, refreshable: false }, NOON, 0);
    expect(change.patch.nextRefreshAt).toBeNull();
    expect(change.next).toBeNull();
  });

  it('names no account where the provider could not be asked', () => {
    const change = afterConnect({ ...connected, account: null }, NOON, 0);
    expect(change.patch).not.toHaveProperty('account');
    expect(change.events).toEqual([
      { name: 'integration.connected', detail: { again: false }, personal: { account: null } },
    ]);
  });

  it('tells whether the org was linked before, and the account’s label', () => {
    const [event] = afterConnect({ ...connected, again: true }, NOON, 0).events;
    expect(event).toEqual({
      name: 'integration.connected',
      detail: { again: true },
      personal: { account: 'ada@example.com' },
    });
  });
});

describe('another account', () => {
  it.each([
    { what: 'the same account', before: ada, after: ada, other: false },
    { what: 'the same account under a new name', before: ada, after: { ...ada, label: 'Ada L.' }, other: false },
    { what: 'another account of the same name', before: ada, after: { ...ada, id: 'account-2' }, other: true },
    { what: 'no account before', before: null, after: ada, other: false },
    { what: 'no account now', before: ada, after: null, other: false },
  ])('$what: $other', ({ before, after, other }) => {
    expect(isOtherAccount(before, after)).toBe(other);
  });
});
