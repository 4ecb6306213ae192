import type { EventDraft } from './audit-event';
import type { Failure } from './failure';

const REDIRECT = /^http_3\d\d$/;

/**
 * What the trail tells beside a failure whose cause is the way out itself: an address that is not called, or an answer
 * that leads elsewhere and is not followed. Either may be an outage of names or an attack, and somebody should look.
 *
 * @returns one event, or none
 */
export function egressEvents({ reason }: Pick<Failure, 'reason'>): EventDraft[] {
  if (reason === 'blocked_address') return [{ name: 'egress.blocked', detail: { reason } }];
  return REDIRECT.test(reason) ? [{ name: 'egress.blocked', detail: { reason: 'redirect', answer: reason } }] : [];
}
