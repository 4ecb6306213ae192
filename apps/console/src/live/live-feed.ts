import type { Integration, LiveMessage } from '../wire/wire';

/** Where the feed stands. A feed that is away is made good by asking now and then. */
export type LivePhase = 'connecting' | 'live' | 'away';

/** What is known of the feed. */
export interface LiveFeed {
  readonly phase: LivePhase;
  /** The last event that was seen: the next connection goes on after it. `null`: none yet. */
  readonly seq: number | null;
  /** Connections in a row that never became ready. */
  readonly failures: number;
  /** True once the session is over: only a new one brings the feed back. */
  readonly isOver: boolean;
}

/** What happens to a feed. */
export type LiveEvent =
  { readonly kind: 'message'; readonly message: LiveMessage } | { readonly kind: 'closed'; readonly code: number };

export const FEED_BEFORE: LiveFeed = { phase: 'connecting', seq: null, failures: 0, isOver: false };

/** The gateway's word that the session, or the bearer token, has ended. */
const SESSION_OVER = 4401;
/** The gateway's word that the trail was set back, as by a restored database: what was seen of it counts no more. */
const SET_BACK = 1012;
/** The gateway's word that this client reads too slowly: it may come back at once. */
const TOO_SLOW = 4408;

/** After so many tries in a row a feed begins anew, and everything is asked for. */
const FAILURES_TO_BEGIN_ANEW = 5;

/** The feed after an event. A message that was seen before changes nothing. */
export function afterLiveEvent(feed: LiveFeed, event: LiveEvent): LiveFeed {
  if (event.kind === 'closed') {
    if (event.code === SESSION_OVER) return { ...feed, phase: 'away', isOver: true };
    if (event.code === SET_BACK) return { ...feed, phase: 'away', seq: null, failures: 0 };
    // one that was ready goes on at once and is no failure yet
    const wasReady = feed.phase === 'live';
    const failures = event.code === TOO_SLOW || wasReady ? 0 : feed.failures + 1;
    // no page is told why a socket does not open: the trail may be one from before
    return { ...feed, phase: 'away', failures, seq: failures < FAILURES_TO_BEGIN_ANEW ? feed.seq : null };
  }
  const { name, seq } = event.message;
  // where the feed begins, the gateway's place counts
  if (name === 'ready') return { ...feed, phase: 'live', failures: 0, seq: feed.seq === null ? seq : feed.seq };
  return isNews(feed, event.message) ? { ...feed, phase: 'live', failures: 0, seq } : feed;
}

/** Whether a message tells something that this feed has not seen. */
export function isNews({ seq }: LiveFeed, message: LiveMessage): boolean {
  return message.name !== 'ready' && (seq === null || message.seq > seq);
}

/** The list with what a message tells of one integration; the same list where it tells of none. */
export function withNews(integrations: readonly Integration[], { integration }: LiveMessage): readonly Integration[] {
  if (integration === null || integration === undefined) return integrations;
  const place = integrations.findIndex(({ provider }) => provider === integration.provider);
  if (place < 0) return integrations;
  return integrations.with(place, integration);
}

/** Which other lists an event changes. */
export function listsTouchedBy(name: string): ('dead-letters' | 'deliveries')[] {
  return [
    ...(/^(refresh|sync|revocation|dead_letter|delivery)[.]|^integration[.]/.test(name)
      ? (['dead-letters'] as const)
      : []),
    ...(/^delivery[.]/.test(name) ? (['deliveries'] as const) : []),
  ];
}
