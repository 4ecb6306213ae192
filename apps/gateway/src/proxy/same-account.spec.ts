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

  it('is not surely of the same account where neither is known, nor where the old one was not', () => {
    expect(ofTheSame({ ...OLD, account: null }, { ...OLD, account: null })).toBe('account_unknown');
    expect(ofTheSame({ ...OLD, account: null }, OLD)).toBe('account_unknown');
  });
});
