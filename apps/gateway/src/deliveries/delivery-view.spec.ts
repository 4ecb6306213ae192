import type { DeliveryLine } from '@hub/database';
import { minutesFromNoon, NOON } from '../../../../test/factories/integration';
import { deliverySchema, deliveryView } from './delivery-view';

const ROW = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';
const EVENT = '0d3a5e8c-7f21-4c1a-9b7e-6b1f3c9e2f5d';

function aLine(different: Partial<DeliveryLine> = {}): DeliveryLine {
  return {
    id: ROW,
    eventId: EVENT,
    integrationId: '2f5d6b1f-3c9e-4c1a-9b7e-0d3a5e8c7f21',
    seq: 7,
    type: 'order.paid',
    at: NOON,
    source: 'posted',
    state: 'pending',
    failedAttempts: 0,
    nextAttemptAt: minutesFromNoon(1),
    failure: null,
    lastStatus: null,
    endedAt: null,
    ...different,
  };
}

const ended = minutesFromNoon(3);
const failure = { code: 'provider_unavailable', at: minutesFromNoon(2) } as const;

describe('a line of the delivery log', () => {
  it('of one on its way says when it is sent', () => {
    expect(deliveryView(aLine())).toEqual({
      id: EVENT,
      seq: 7,
      type: 'order.paid',
      at: '2026-11-22T12:00:00.000Z',
      source: 'posted',
      state: 'pending',
      failedAttempts: 0,
      nextAttemptAt: '2026-11-22T12:01:00.000Z',
      failure: null,
      lastStatus: null,
      deliveredAt: null,
      deadLetter: null,
    });
  });

  it.each([
    [
      'delivered',
      { endedAt: ended, nextAttemptAt: null },
      { deliveredAt: '2026-11-22T12:03:00.000Z', deadLetter: null },
    ],
    ['dead', { endedAt: ended, nextAttemptAt: null }, { deliveredAt: null, deadLetter: `delivery-${ROW}` }],
    ['cancelled', { endedAt: ended, nextAttemptAt: null }, { deliveredAt: null, deadLetter: null }],
    ['pending', { failure }, { failure: { code: 'provider_unavailable', at: '2026-11-22T12:02:00.000Z' } }],
  ] as const)('of one that is %s says so', (state, line, said) => {
    const view = deliveryView(aLine({ state, ...line }));
    expect(view).toMatchObject({ state, ...said });
    expect(deliverySchema.parse(view)).toEqual(view);
  });
});
