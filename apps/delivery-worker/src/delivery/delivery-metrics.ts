import { endsGrant, type DeliveryChange, type Failure } from '@hub/domain';
import { count, measure, preset } from '@hub/telemetry';

const MS_IN_SECOND = 1_000;

/** What became of a try, as the counter tells it. */
export type TryOutcome = 'delivered' | 'failed' | 'dead' | 'gone';

/** @param failure what it failed by; `undefined`: it was taken */
export function outcomeOf(change: DeliveryChange, failure: Failure | undefined): TryOutcome {
  if (!failure) return 'delivered';
  if (endsGrant(failure)) return 'gone';
  return change.delivery.state === 'dead' ? 'dead' : 'failed';
}

/** Counts a try whose outcome is written. @param sinceEventMs from the event to its delivery */
export function recordTry(provider: string, outcome: TryOutcome, sinceEventMs: number): void {
  count('deliveryAttempts', { 'hub.provider': provider, 'hub.outcome': outcome });
  if (outcome === 'delivered')
    measure('deliveryLatency', Math.max(0, sinceEventMs) / MS_IN_SECOND, { 'hub.provider': provider });
}

/** The receiver asks for patience. */
export function countThrottle(provider: string): void {
  count('throttled', { 'hub.provider': provider });
}

/** Makes the counters known, at the start of the worker. */
export function presetDeliveries(providers: readonly string[]): void {
  preset('deliveryAttempts', { 'hub.provider': providers });
  preset('throttled', { 'hub.provider': providers });
}
