import type { FailureCode } from '@hub/domain';
import { count, preset, type AttributesOf } from '@hub/telemetry';
import type { Completion } from './completion.service';

/** What came of a flow that came back, as metrics name it. */
export type FlowOutcome = NonNullable<AttributesOf<'flowCallbacks'>['hub.outcome']>;

/** The person, or what the person granted, is the reason; of the others it is the hub or the provider. */
const BY_THE_PERSON: ReadonlySet<FailureCode> = new Set(['access_denied', 'insufficient_scope', 'account_mismatch']);

/** A flow has begun. */
export function countStart(provider: string): void {
  count('flowStarts', { 'hub.provider': provider });
}

/** A flow came back: by its callback, its confirm or input page, or the handle that a backend brought. */
export function countCallback(provider: string, outcome: FlowOutcome): void {
  count('flowCallbacks', { 'hub.provider': provider, 'hub.outcome': outcome });
}

/** The same for what may fail unexpectedly on the way: that is an error of the hub. */
export async function countedCallback<Ended extends { readonly outcome: FlowOutcome }>(
  provider: string,
  work: () => Promise<Ended>,
): Promise<Ended> {
  let outcome: FlowOutcome = 'error';
  try {
    const ended = await work();
    ({ outcome } = ended);
    return ended;
  } finally {
    countCallback(provider, outcome);
  }
}

/** What a flow comes to whose code was spent. */
export function outcomeOfCompletion(completion: Completion): FlowOutcome {
  switch (completion.kind) {
    case 'connected':
      return 'connected';
    case 'refused':
      return BY_THE_PERSON.has(completion.code) ? 'denied' : 'exchange_failed';
    case 'flow_ended': // somebody has disconnected meanwhile
      return 'denied';
  }
}

/** What a flow comes to that came back with no code to spend. @param code as the browser hears it */
export function outcomeOfRefusal(code: FailureCode | 'invalid_request'): FlowOutcome {
  return code !== 'invalid_request' && BY_THE_PERSON.has(code) ? 'denied' : 'error';
}

/** Makes the counters of flows known, at the start of the gateway. */
export function presetFlows(providers: readonly string[]): void {
  preset('flowStarts', { 'hub.provider': providers });
  preset('flowCallbacks', { 'hub.provider': providers });
}
