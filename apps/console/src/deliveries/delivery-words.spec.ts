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
    'Tried again in 4 minutes, after 2 tries: the receiver did not answer, or had a fault of its own (HTTP 503)',
  ],
  [
    aDelivery({ state: 'dead', failedAttempts: 5, failure: FAILURE }),
    null,
    'bad',
    'Failed after 5 tries: the receiver did not answer, or had a fault of its own',
  ],
  [
    aDelivery({
      state: 'dead',
      failedAttempts: 1,
      failure: { ...FAILURE, code: 'provider_misconfigured' },
      lastStatus: 413,
    }),
    null,
    'bad',
    'Failed after 1 try: the receiver refused this very message (HTTP 413)',
  ],
  [
    aDelivery({ state: 'dead', failedAttempts: 1, failure: { ...FAILURE, code: 'invalid_grant' }, lastStatus: 410 }),
    null,
    'bad',
    'Failed after 1 try: the webhook is gone (HTTP 410)',
  ],
  [
    aDelivery({ state: 'dead', failedAttempts: 5, failure: { ...FAILURE, code: 'internal' } }),
    null,
    'bad',
    'Failed after 5 tries: something went wrong in the hub',
  ],
  [aDelivery({ state: 'cancelled' }), null, 'idle', 'Cancelled: it was disconnected'],
  [
    aDelivery({ state: 'cancelled', failedAttempts: 5, failure: FAILURE }),
    null,
    'idle',
    'Cancelled: it was disconnected, or not tried again for 90 days',
  ],
] as const)('says how delivery %# stands', (delivery, next, tone, words) => {
  expect(deliveryWords(delivery, next)).toEqual({ tone, words });
});
