import { DEAD_LETTER_KINDS } from '@hub/domain';
import { letterWords, reasonWords } from './letter-words';

it.each(DEAD_LETTER_KINDS)('says what a job of the kind %s was to do', (kind) => {
  expect(letterWords({ kind }, 'Notion')).toMatch(/^[A-Z].*Notion$/);
});

it('says why it failed', () => {
  expect(reasonWords({ kind: 'sync', reason: 'provider_unavailable' })).toBe(
    'The provider cannot be reached just now.',
  );
  expect(reasonWords({ kind: 'delivery', reason: 'invalid_grant' })).toBe('The webhook is gone.');
});
