import { EVENT_NAMES } from './audit-event';
import {
  boundMet,
  DELIVERED_EVENTS,
  isDeliveredEvent,
  KEPT_DEAD_DAYS,
  MOST_DEAD,
  MOST_PENDING,
  SECRET_OVERLAP_MS,
  type Backlog,
} from './delivery';

describe('the hub’s own events that an org may have delivered', () => {
  it('are what happens to its integrations and what syncs learn, and no denial, read or key', () => {
    expect(EVENT_NAMES.filter(isDeliveredEvent).sort()).toEqual([...DELIVERED_EVENTS].sort());
    expect(DELIVERED_EVENTS).toEqual([
      'integration.connected',
      'integration.reauth_required',
      'integration.recovered',
      'integration.disconnected',
      'sync.completed',
    ]);
  });

  it.each(['delivery.succeeded', 'token.read', 'integration', 'integration.connected ', '', 'constructor'])(
    'are not %j',
    (name) => expect(isDeliveredEvent(name)).toBe(false),
  );
});

it.each<[string, Backlog, number, keyof Backlog | undefined]>([
  ['nothing stands in the way of the first', { pending: 0, dead: 0 }, 1, undefined],
  ['the last place is one', { pending: MOST_PENDING - 1, dead: MOST_DEAD - 1 }, 1, undefined],
  ['there is none behind it', { pending: MOST_PENDING, dead: 0 }, 1, 'pending'],
  ['a page has room whole or not at all', { pending: MOST_PENDING - 499, dead: 0 }, 500, 'pending'],
  ['who has too many dead letters gets no more', { pending: 0, dead: MOST_DEAD }, 1, 'dead'],
])('%s', (_sentence, backlog, more, met) => expect(boundMet(backlog, more)).toBe(met));

it('ten thousand wait at most, as many are dead for ninety days, and a secret that was replaced signs for a day', () => {
  expect(MOST_PENDING).toBe(10_000);
  expect(MOST_DEAD).toBe(10_000);
  expect(KEPT_DEAD_DAYS).toBe(90);
  expect(SECRET_OVERLAP_MS).toBe(24 * 3_600_000);
});
