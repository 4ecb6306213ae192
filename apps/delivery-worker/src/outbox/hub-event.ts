import type { TrailEvent } from '@hub/database';
import { isDeliveredEvent, type DeliveredEvent, type IntegrationId } from '@hub/domain';

/** How an integration stands after an event, in the words that callers know; a sync says nothing about it. */
const STATUS_AFTER: Readonly<Record<DeliveredEvent, string | undefined>> = {
  'integration.connected': 'connected',
  'integration.recovered': 'connected',
  'integration.reauth_required': 'reauth_required',
  'integration.disconnected': 'not_connected',
  'sync.completed': undefined,
};

/**
 * Whether an event of the org's trail is delivered to a receiver. What happens to the receiver's own integration is not:
 * its own hook could hear of its end no more, and of its syncs there is nothing to tell.
 *
 * @param wanted   the names that the org has opted in for
 * @param receiver the integration whose webhook hears of it
 */
export function isWanted(event: TrailEvent, wanted: readonly DeliveredEvent[], receiver: IntegrationId): boolean {
  return isDeliveredEvent(event.name) && wanted.includes(event.name) && event.integrationId !== receiver;
}

/** What is told of an event: which integration it is about, and how that stands; nobody's name, no secret. */
export function hubEventData({ name, provider, integrationId }: TrailEvent): Record<string, string | null> {
  const status = isDeliveredEvent(name) ? STATUS_AFTER[name] : undefined;
  return { provider, integrationId, ...(status !== undefined && { status }) };
}
