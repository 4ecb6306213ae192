import type { EventName } from './audit-event';

/**
 * How a delivery stands.
 *
 * - `pending`: it is sent once it is due; without a time it waits for a new URL.
 * - `delivered`: the receiver has taken it. The row stays as the log, without what was sent.
 * - `dead`: it ran out of tries, or was refused for good: a dead letter, which a replay sends anew.
 * - `cancelled`: its integration was disconnected before it was delivered.
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

/** So many deliveries of an integration may wait; more are not taken. */
export const MOST_PENDING = 10_000;
/** After a rotation the secret before still signs for so long, so that a receiver can change over. */
export const SECRET_OVERLAP_MS = 24 * 60 * 60_000;

/** What an integration's metadata says of its hook; `unverified`: nothing has been sent yet. */
export type WebhookStatus = 'unverified' | 'reachable' | 'failing' | 'gone';
