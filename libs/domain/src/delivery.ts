import type { EventName } from './audit-event';

/**
 * How a delivery stands.
 *
 * - `pending`: it is sent once it is due; without a time it waits for a new URL.
 * - `delivered`: the receiver has taken it. The row stays as the log, without what was sent.
 * - `dead`: it ran out of tries, or was refused for good: a dead letter, which a replay sends anew.
 * - `cancelled`: its integration was disconnected before it was delivered, or nobody replayed it while it was dead, or brought the URL that it waited for, in `KEPT_DEAD_DAYS`.
 */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead', 'cancelled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Whose word a delivery carries: a product service has posted it, or the hub tells of an event of its own. */
export const DELIVERY_SOURCES = ['posted', 'hub'] as const;
export type DeliverySource = (typeof DELIVERY_SOURCES)[number];

/** The hub's own events that an org may have delivered; none is by default, since each costs the org's customer money. */
export const DELIVERED_EVENTS = [
  'integration.connected',
  'integration.reauth_required',
  'integration.recovered',
  'integration.disconnected',
  'sync.completed',
] as const satisfies readonly EventName[];
export type DeliveredEvent = (typeof DELIVERED_EVENTS)[number];

/** Whether a name of the trail is one of those that an org may have delivered. */
export function isDeliveredEvent(name: string): name is DeliveredEvent {
  return DELIVERED_EVENTS.some((known) => known === name);
}

/** So many deliveries of an integration may wait, of each source: neither takes the places of the other. */
export const MOST_PENDING = 10_000;
/** From so many dead letters of an integration on, of each source, no more are taken; what is pending then may still die. */
export const MOST_DEAD = 10_000;
/** A dead letter that nobody has replayed, and what has waited for a new URL, for so long ends as `cancelled`, with an event. */
export const KEPT_DEAD_DAYS = 90;

/** Deliveries of an integration and a source that have not come to a good end. */
export interface Backlog {
  readonly pending: number;
  readonly dead: number;
}

/**
 * Which bound stands in the way of taking more; `undefined`: there is room. What is taken is never dropped, so that
 * whoever wants more delivered has to wait: a caller is refused, and the hub's own events stay in the trail.
 *
 * @param more how many are to be taken
 */
export function boundMet({ pending, dead }: Backlog, more: number): keyof Backlog | undefined {
  if (pending + more > MOST_PENDING) return 'pending';
  return dead >= MOST_DEAD ? 'dead' : undefined;
}

/** A provider's word that hooks are gone is not believed for so long, if none of those comes back before. */
export const HOOKS_HELD_FOR_MS = 2 * 60 * 60_000;
/** After a rotation the secret before still signs for so long, so that a receiver can change over. */
export const SECRET_OVERLAP_MS = 24 * 60 * 60_000;

/** What an integration's metadata says of its hook; `unverified`: nothing has been sent yet. */
export type WebhookStatus = 'unverified' | 'reachable' | 'failing' | 'gone';
