import type { Integration, LiveMessage } from '../wire/wire';
import { reconnectDelayMs } from './backoff';
import {
  afterLiveEvent,
  FEED_BEFORE,
  isNews,
  listsTouchedBy,
  withNews,
  type LiveEvent,
  type LiveFeed,
} from './live-feed';

const told = (seq: number, name = 'sync.completed'): LiveEvent => ({ kind: 'message', message: { seq, name } });
const ready = (seq: number) => told(seq, 'ready');
const closed = (code: number): LiveEvent => ({ kind: 'closed', code });
const after = (...events: LiveEvent[]): LiveFeed => events.reduce(afterLiveEvent, FEED_BEFORE);

describe('a feed', () => {
  it('is live once the gateway says that it is ready', () => {
    expect(after()).toMatchObject({ phase: 'connecting', seq: null });
    expect(after(ready(7))).toEqual({ phase: 'live', seq: 7, failures: 0, isOver: false });
  });

  it('remembers the last event, so that the next connection goes on after it', () => {
    expect(after(ready(7), told(8), told(9), closed(1006)).seq).toBe(9);
    expect(after(ready(7), told(8), closed(1006), ready(12)).seq).toBe(8); // 9 to 12 are still to come
    expect(after(ready(7), told(8), closed(1006), ready(12), told(9)).seq).toBe(9);
  });

  it('takes no event twice, and none that is older', () => {
    const feed = after(ready(7), told(8));
    expect(isNews(feed, { seq: 8, name: 'sync.completed' })).toBe(false);
    expect(afterLiveEvent(feed, told(8))).toBe(feed);
    expect(isNews(feed, { seq: 9, name: 'sync.completed' })).toBe(true);
    expect(isNews(FEED_BEFORE, { seq: 1, name: 'ready' })).toBe(false);
  });

  it('counts the tries that led to nothing', () => {
    expect(after(closed(1006), closed(1006)).failures).toBe(2);
    expect(after(closed(1006), closed(1006), ready(1)).failures).toBe(0);
    expect(after(ready(1), closed(1006)).failures).toBe(0);
  });

  it('comes back at once if it was too slow, and not at all once the session is over', () => {
    expect(after(closed(4408))).toMatchObject({ failures: 0, isOver: false });
    expect(after(ready(1), closed(4401))).toMatchObject({ phase: 'away', isOver: true });
  });
});

it('begins anew where the trail was set back', () => {
  expect(after(ready(7), told(8), closed(1012))).toMatchObject({ seq: null, isOver: false });
  expect(after(ready(7), told(8), closed(1012), ready(3)).seq).toBe(3);
});

it('begins anew where it was refused again and again, since a page is not told that the trail was set back', () => {
  const refused = Array.from({ length: 5 }, () => closed(1006));
  const before = [ready(7), told(8), closed(1006)];
  expect(after(...before, ...refused.slice(1)).seq).toBe(8);
  expect(after(...before, ...refused)).toMatchObject({ seq: null, isOver: false });
  expect(after(...before, ...refused, ready(3)).seq).toBe(3);
});

it('waits longer from try to try, and never in step with others', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((failures) => reconnectDelayMs(failures, 1))).toEqual([
    1000, 2000, 4000, 8000, 16000, 30000, 30000,
  ]);
  expect([reconnectDelayMs(2, 0), reconnectDelayMs(2, 0.5)]).toEqual([2000, 3000]);
});

it('puts the news into the list', () => {
  const list = [{ provider: 'a' }, { provider: 'b', status: 'connected' }] as Integration[];
  const news = { seq: 1, name: 'x', integration: { provider: 'b', status: 'reauth_required' } } as LiveMessage;
  expect(withNews(list, news)).toEqual([{ provider: 'a' }, { provider: 'b', status: 'reauth_required' }]);
  expect(withNews(list, { seq: 2, name: 'key.rotated', integration: null })).toBe(list);
  expect(withNews(list, { seq: 2, name: 'x', integration: { provider: 'c' } as Integration })).toBe(list);
});

it('knows which lists an event changes', () => {
  expect(listsTouchedBy('sync.failed')).toEqual(['dead-letters']);
  expect(listsTouchedBy('delivery.failed')).toEqual(['dead-letters', 'deliveries']);
  expect(listsTouchedBy('flow.started')).toEqual([]);
});
