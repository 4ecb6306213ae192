import { EVENT_NAMES } from './audit-event';
import { DELIVERED_EVENTS, isDeliveredEvent, MOST_PENDING, SECRET_OVERLAP_MS } from './delivery';

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

it('ten thousand wait at most, and a secret that was replaced signs for a day', () => {
  expect(MOST_PENDING).toBe(10_000);
  expect(SECRET_OVERLAP_MS).toBe(24 * 3_600_000);
});
