import type { Endpoints, Failure } from '@hub/domain';
import type { OutboundOutcome } from '@hub/outbound';
import type { WebhookProvider } from './provider-definition';
import { isSuccess, readAbsence, readRefusal } from './wire-failure';

/**
 * Where a delivery to this webhook URL goes: the URL's own path below the provider's API base, so that an operator can
 * point sends at another server. The URL has been validated against the true host before it was sealed.
 */
export function webhookAddress(endpoints: Endpoints, webhookUrl: string): string {
  return endpoints.apiBaseUrl + new URL(webhookUrl).pathname;
}

/** What a delivery came to: `undefined` if it was taken, else why not. A hook that is gone is a definite failure. */
export function readDeliveryOutcome(definition: WebhookProvider, outcome: OutboundOutcome): Failure | undefined {
  if (outcome.kind !== 'answer') return readAbsence(outcome, 'api');
  const { answer } = outcome;
  return definition.readDelivery(answer) ?? (isSuccess(answer) ? undefined : readRefusal(answer, 'api'));
}
