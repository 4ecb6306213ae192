import type { Delivery } from '../wire/wire';
import { deliveryWords } from './delivery-words';

const aDelivery = (parts: Partial<Delivery>): Delivery => ({
  id: 'x',
  seq: 1,
  type: 'order.created',
  at: '2026-11-28T12:00:00.000Z',
  source: 'posted',
  state: 'pending',
  failedAttempts: 0,
  nextAttemptAt: null,
  failure: null,
  lastStatus: null,
  deliveredAt: null,
  ...parts,
});
const FAILURE = { code: 'provider_unavailable', at: '2026-11-28T12:00:00.000Z' };

it.each([
  [aDelivery({ state: 'delivered' }), null, 'good', 'Delivered'],
  [aDelivery({}), 'just now', 'idle', 'Waits to be sent'],
  [aDelivery({}), null, 'warn', 'Waits for a new URL'],
  [
    aDelivery({ failedAttempts: 2, failure: FAILURE, lastStatus: 503 }),
    'in 4 minutes',
    'warn',
    'Tried again in 4 minutes, after 2 tries: the provider cannot be reached just now (HTTP 503)',
  ],
  [
    aDelivery({ state: 'dead', failedAttempts: 5, failure: FAILURE }),
    null,
    'bad',
    'Failed after 5 tries: the provider cannot be reached just now',
  ],
  [aDelivery({ state: 'cancelled' }), null, 'idle', 'Cancelled: it was disconnected'],
] as const)('says how delivery %# stands', (delivery, next, tone, words) => {
  expect(deliveryWords(delivery, next)).toEqual({ tone, words });
});
