import type { ProviderCard } from '../wire/wire';
import { disconnectWords } from './disconnect-words';

const aCard = (parts: Partial<ProviderCard>): ProviderCard => ({
  provider: 'x',
  label: 'X',
  docsUrl: '',
  mark: null,
  inputs: [],
  hasToken: true,
  takesEvents: false,
  givenBackBy: 'token',
  ...parts,
});

it.each([
  [{ givenBackBy: 'token' as const }, /forgets its tokens.*given back to X.*The history stays/],
  [{ givenBackBy: 'grant' as const }, /unless another connection/],
  [{ givenBackBy: 'uninstall' as const }, /stays installed at X, unless you choose/],
  [{ givenBackBy: 'none' as const }, /until you remove it there/],
  [{ givenBackBy: 'none' as const, hasToken: false }, /forgets the webhook URL.*turn it off there/],
])('says what happens with %j', (parts, words) => {
  expect(disconnectWords(aCard(parts)).join(' ')).toMatch(words);
});
