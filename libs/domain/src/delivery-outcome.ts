import type { EventDraft } from './audit-event';
import { HELD_REASON } from './breaker';
import type { IntegrationPatch } from './change';
import type { DeliveryState, WebhookStatus } from './delivery';
import { circuitAfterFailure, CLOSED_CIRCUIT, speaksAgainstReceiver, type Circuit } from './delivery-circuit';
import { egressEvents } from './egress';
import { endsGrant, failure, type Failure, type FailureCode } from './failure';
import type { Integration } from './integration';
import { giveUp } from './refresh-outcome';
import { ladderIsSpent, retryDelayMs } from './retry-policy';

/** What a decision about a delivery goes by, as it stands when the change is written. */
export interface DeliverySituation {
  readonly delivery: {
    /** By which the receiver knows it. */
    readonly eventId: string;
    readonly seq: number;
    readonly type: string;
    readonly failedAttempts: number;
  };
  readonly integration: Pick<Integration, 'status' | 'failedRefreshes' | 'metadata'>;
  readonly circuit: Circuit;
  /** Whether the send was the trial of a circuit that has opened. */
  readonly isTrial: boolean;
  /** Whether the URL that was asked is still the integration's: another one may have been connected meanwhile. */
  readonly isSameHook: boolean;
}

/** Columns of a delivery that a decision wants written. */
export interface DeliveryPatch {
  readonly state: DeliveryState;
  /** `null`: it is not sent any more, or waits for a new URL. */
  readonly nextAttemptAt: Date | null;
  readonly failedAttempts: number;
  readonly failure: { readonly code: FailureCode; readonly at: Date } | null;
  /** The status that the receiver answered with; `null`: no answer came. */
  readonly lastStatus: number | null;
}

/**
 * What a send has told of its hook.
 *
 * - `taken`: it is there, whatever was said of it before.
 * - `failed`: it did not take a delivery, which says nothing about whether it is there.
 * - `held`: it is said to be gone, together with so many others that this is not believed.
 * - `gone`: it is gone.
 */
export type HookWord = 'taken' | 'failed' | 'held' | 'gone';

/** What a decision about a delivery wants: its row, the circuit before the receiver, the integration, and what the trail tells. */
export interface DeliveryChange {
  readonly delivery: DeliveryPatch;
  readonly circuit: Circuit;
  readonly integration: IntegrationPatch;
  /** `null`: nothing is told of the hook that the integration has. */
  readonly hook: HookWord | null;
  readonly events: readonly EventDraft[];
}

/** What is honoured of a receiver's wish to wait. */
const LONGEST_WISH_MS = 60 * 60_000;

/** The receiver took it. */
export function afterDelivery(situation: DeliverySituation, now: Date, status: number): DeliveryChange {
  const { delivery, isSameHook } = situation;
  return {
    delivery: { state: 'delivered', nextAttemptAt: null, failedAttempts: 0, failure: null, lastStatus: status },
    circuit: isSameHook ? CLOSED_CIRCUIT : situation.circuit,
    integration: isSameHook ? told(situation, 'reachable', { lastDeliveryAt: now.toISOString() }) : {},
    hook: isSameHook ? heard(situation, 'taken') : null,
    events: [
      {
        name: 'delivery.succeeded',
        detail: { ...named(delivery), attempts: delivery.failedAttempts + 1, status },
      },
    ],
  };
}

/**
 * A hook is said to be gone together with so many others that this is not believed (`isMassVerdict`): to its delivery it is
 * an outage, which costs nobody the connection.
 */
export function notBelieved({ retryAfterMs }: Failure): Failure {
  return failure('provider_unavailable', HELD_REASON, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/**
 * The receiver did not take it. A hook that is gone ends the integration until somebody brings a new URL; what else waits
 * for it goes on waiting. A message that is refused as such is a dead letter at once. Anything else climbs the ladder.
 *
 * @param status the receiver's answer, `null` if none came
 */
export function afterDeliveryFailure(
  situation: DeliverySituation,
  failure: Failure,
  now: Date,
  status: number | null,
): DeliveryChange {
  // what an old URL says about itself is no word about the new one, and the message has not been sent there
  if (!situation.isSameHook) return sendAgain(situation, now);
  if (endsGrant(failure)) return afterGone(situation, failure, now, status);
  const attempts = situation.delivery.failedAttempts + 1;
  const isDead = isRefusedMessage(failure) || ladderIsSpent(attempts);
  const delayMs = Math.max(retryDelayMs(attempts), Math.min(failure.retryAfterMs ?? 0, LONGEST_WISH_MS));
  return {
    delivery: {
      state: isDead ? 'dead' : 'pending',
      nextAttemptAt: isDead ? null : new Date(now.getTime() + delayMs),
      failedAttempts: attempts,
      failure: { code: failure.code, at: now },
      lastStatus: status,
    },
    circuit: circuitAfterFailure(situation.circuit, failure, now, situation.isTrial),
    integration: speaksAgainstReceiver(failure) ? told(situation, 'failing') : {},
    hook: heard(situation, failure.reason === HELD_REASON ? 'held' : 'failed'),
    events: [failed(situation, failure, attempts, isDead, status), ...egressEvents(failure)],
  };
}

/** True for a refusal that the same message would meet again, whenever it is sent. */
function isRefusedMessage({ code, kind }: Failure): boolean {
  return kind === 'ours' && code === 'provider_misconfigured';
}

function sendAgain({ delivery, circuit }: DeliverySituation, now: Date): DeliveryChange {
  return {
    delivery: {
      state: 'pending',
      nextAttemptAt: now,
      failedAttempts: delivery.failedAttempts,
      failure: null,
      lastStatus: null,
    },
    circuit,
    integration: {},
    hook: null,
    events: [],
  };
}

/** The hook is gone: only a person can bring a new URL. */
function afterGone(situation: DeliverySituation, failure: Failure, now: Date, status: number | null): DeliveryChange {
  const { integration, delivery } = situation;
  const attempts = delivery.failedAttempts + 1;
  const isKnown = integration.status === 'reauth_required';
  const end = giveUp(integration, failure, now);
  return {
    delivery: {
      state: 'dead',
      nextAttemptAt: null,
      failedAttempts: attempts,
      failure: { code: failure.code, at: now },
      lastStatus: status,
    },
    circuit: CLOSED_CIRCUIT,
    integration: { ...(isKnown ? {} : { ...end.patch, nextSyncAt: null }), ...told(situation, 'gone') },
    hook: 'gone',
    events: [
      failed(situation, failure, attempts, true, status),
      // its own word for what failed was told above
      ...(isKnown ? [] : end.events.filter(({ name }) => name === 'integration.reauth_required')),
    ],
  };
}

function told(
  { integration }: DeliverySituation,
  webhookStatus: WebhookStatus,
  more: Readonly<Record<string, unknown>> = {},
): IntegrationPatch {
  // a send that was under way as the hook was given up says nothing new about it
  const isGivenUp = integration.status === 'reauth_required' && webhookStatus !== 'gone';
  return { metadata: { ...integration.metadata, ...(isGivenUp ? {} : { webhookStatus }), ...more } };
}

/** Once a hook was given up, a send that was under way has no word of its own about it. */
function heard({ integration }: DeliverySituation, word: HookWord): HookWord | null {
  return integration.status === 'reauth_required' ? null : word;
}

function failed(
  { delivery }: DeliverySituation,
  { code, reason }: Failure,
  attempts: number,
  deadLetter: boolean,
  status: number | null,
): EventDraft {
  return { name: 'delivery.failed', detail: { ...named(delivery), code, reason, attempts, deadLetter, status } };
}

function named({ eventId, seq, type }: DeliverySituation['delivery']): Record<string, unknown> {
  return { delivery: eventId, seq, type };
}
