import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { changeIntegrations, INTEGRATIONS_KEY } from '../integrations/queries';
import { useOnline } from '../look/use-online';
import { SESSION_KEY } from '../session/session';
import type { LiveMessage } from '../wire/wire';
import { LONGEST_MS, reconnectDelayMs } from './backoff';
import { openLive } from './live.client';
import {
  afterLiveEvent,
  FEED_BEFORE,
  isNews,
  listsTouchedBy,
  withNews,
  type LiveEvent,
  type LiveFeed,
  type LivePhase,
} from './live-feed';

/** Lists that follow from events are asked for once a burst is over. */
const SETTLE_MS = 400;

/**
 * Keeps the page at what happens, for as long as it is shown.
 *
 * @param session what tells one session from the next: a new one begins the feed anew
 * @returns where the feed stands
 */
export function useLive(session: string): LivePhase {
  const client = useQueryClient();
  const isOnline = useOnline();
  const [phase, setPhase] = useState<LivePhase>('connecting');
  useEffect(() => {
    if (!isOnline) return undefined; // and at once when it is back
    return follow(client, setPhase);
  }, [client, isOnline, session]);
  return isOnline ? phase : 'away';
}

/** Follows the feed, connection after connection. @returns stops it */
function follow(client: QueryClient, tell: (phase: LivePhase) => void): () => void {
  let feed: LiveFeed = FEED_BEFORE;
  let close = (): void => {};
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const lists = new SettledLists(client);

  const take = (event: LiveEvent): void => {
    if (event.kind === 'message') {
      // what happened before the first connection is in no message
      if (event.message.name === 'ready' && feed.seq === null) lists.touchAll();
      if (isNews(feed, event.message)) takeNews(client, lists, event.message);
    }
    feed = afterLiveEvent(feed, event);
    tell(feed.phase);
    if (event.kind === 'closed') goOn();
  };
  const connect = (): void => {
    close = openLive(feed.seq, {
      message: (message) => take({ kind: 'message', message }),
      close: (code) => take({ kind: 'closed', code }),
    });
  };
  const goOn = (): void => {
    if (feed.isOver) void client.invalidateQueries({ queryKey: SESSION_KEY }); // whoever has none is shown nothing more
    waiting = setTimeout(connect, feed.isOver ? LONGEST_MS : reconnectDelayMs(feed.failures, Math.random()));
  };

  connect();
  return () => {
    clearTimeout(waiting);
    lists.end();
    close();
  };
}

function takeNews(client: QueryClient, lists: SettledLists, message: LiveMessage): void {
  if (message.integration) changeIntegrations(client, (list) => withNews(list, message));
  else if (message.provider) lists.touch(INTEGRATIONS_KEY[0]);
  lists.touch('history');
  for (const list of listsTouchedBy(message.name)) lists.touch(list);
}

/** Asks for lists again, a moment after the last event that touched them. */
class SettledLists {
  private readonly touched = new Set<string>();
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  touch(list: string): void {
    this.touched.add(list);
    this.settling ??= setTimeout(() => this.settle(), SETTLE_MS);
  }

  touchAll(): void {
    for (const list of [INTEGRATIONS_KEY[0], 'history', 'dead-letters', 'deliveries']) this.touch(list);
  }

  end(): void {
    clearTimeout(this.settling);
  }

  private settle(): void {
    this.settling = undefined;
    for (const list of this.touched) void this.client.invalidateQueries({ queryKey: [list] });
    this.touched.clear();
  }
}
