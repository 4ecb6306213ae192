import { DEAD_LETTER_KINDS } from '@hub/domain';
import { letterWords, reasonWords } from './letter-words';

it.each(DEAD_LETTER_KINDS)('says what a job of the kind %s was to do', (kind) => {
  expect(letterWords({ kind }, 'Notion')).toMatch(/^[A-Z].*Notion$/);
});

it('says which event a delivery was to deliver', () => {
  const event = { id: 'b0c1', seq: 7, type: 'order.paid', at: '2026-11-28T12:00:00.000Z' };
  expect(letterWords({ kind: 'delivery', event }, 'Zapier')).toBe('Delivery of order.paid (no. 7) to Zapier');
});

it('says why it failed', () => {
  expect(reasonWords({ kind: 'sync', reason: 'provider_unavailable' })).toBe(
    'The provider cannot be reached just now.',
  );
  expect(reasonWords({ kind: 'delivery', reason: 'invalid_grant' })).toBe('The webhook is gone.');
});
