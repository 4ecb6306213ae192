import type { IntegrationId } from '@hub/domain';
import { ofTheSame, type Addressed } from './same-account';

const ADA = { id: 'ada', label: 'Ada' };
const OLD: Addressed = { id: 'row' as IntegrationId, account: ADA, apiBaseUrl: 'https://api.example' };

describe('a newer token', () => {
  it('is of the same account where row, account and address are the same', () => {
    const newer = { ...OLD, account: { ...ADA, label: 'Ada L.' } };
    expect(ofTheSame(OLD, newer)).toBe(newer);
  });

  it.each([
    ['another account in the same row', { account: { id: 'bob', label: 'Ada' } }, 'account_changed'],
    ['another row of the same account', { id: 'next' as IntegrationId }, 'account_changed'],
    ['another address', { apiBaseUrl: 'https://b.example' }, 'account_changed'],
    ['an account that nobody knows', { account: null }, 'account_unknown'],
  ])('is not for %s', (_what, different, reason) => {
    expect(ofTheSame(OLD, { ...OLD, ...different })).toBe(reason);
  });

  it('is of the same account where nobody knows it, if both come from one connect', () => {
    const refused: Addressed = { ...OLD, account: null, connectedEpoch: 4 };
    expect(ofTheSame(refused, { ...refused })).toEqual(refused);
    const known = { ...refused, account: ADA };
    expect(ofTheSame(refused, known)).toBe(known); // a sync has learnt it meanwhile
  });

  it.each([
    ['of a connect in between', { connectedEpoch: 7 }, 'account_unknown'],
    ['of a connect in between that tells the account', { connectedEpoch: 7, account: ADA }, 'account_unknown'],
    ['of another row', { id: 'next' as IntegrationId }, 'account_changed'],
    ['for another address', { apiBaseUrl: 'https://b.example' }, 'account_changed'],
  ])('is not where nobody knows the account and the newer token is %s', (_what, different, reason) => {
    const refused: Addressed = { ...OLD, account: null, connectedEpoch: 4 };
    expect(ofTheSame(refused, { ...refused, ...different })).toBe(reason);
  });

  it('is not surely of the same account where neither is known, nor where the old one was not', () => {
    expect(ofTheSame({ ...OLD, account: null }, { ...OLD, account: null })).toBe('account_unknown');
    expect(ofTheSame({ ...OLD, account: null }, OLD)).toBe('account_unknown');
  });
});
