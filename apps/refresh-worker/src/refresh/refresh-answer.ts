import {
  afterFailure,
  afterPutOff,
  afterRefresh,
  afterVerification,
  failure,
  giveUp,
  HELD_REASON,
  refusesRegistration,
  type Change,
  type EventDraft,
  type Failure,
  type RefreshState,
  type SealedGrant,
} from '@hub/domain';
import type { RefreshRetry } from '@hub/providers';
import type { WrappedDataKey } from '@hub/token-vault';

/** An answer that may have been lost before this one: the provider may have spent the refresh token then. */
export interface Doubt {
  /** What may be done about it, by the provider's definition. */
  readonly retry: RefreshRetry;
  /** Why no answer was read, in fixed words. */
  readonly lost: string;
}

/** Where an answer may still be lost once an attempt is over, its own included. */
export interface StandingDoubt {
  /** When the token was presented that may be spent. */
  readonly since: Date;
  /** For how long its provider takes it again, in milliseconds; `null` where the definition names no time. */
  readonly graceMs: number | null;
}

/** What came of asking about a credential. */
export type RefreshAnswer =
  | {
      readonly kind: 'granted';
      readonly grant: SealedGrant;
      readonly doubt: Doubt | null;
      /** What the grant is sealed under; `null`: it was read from the database, with its key. */
      readonly dataKey: WrappedDataKey | null;
    }
  | { readonly kind: 'works' }
  | {
      readonly kind: 'refused';
      readonly failure: Failure;
      readonly doubt: Doubt | null;
      /** Absent: no refresh token was presented, so that a doubt of the row stands as it is. */
      readonly standing?: StandingDoubt | null;
    }
  /** The sealed credential does not open: the hub's own fault, the provider was not asked. */
  | { readonly kind: 'unopened'; readonly reason: string }
  /** The hub could not do its part: a credential is not set here, or a bug. What was sent before, if anything, is in doubt. */
  | { readonly kind: 'failed_here'; readonly failure: Failure; readonly standing: StandingDoubt | null }
  /** The key provider that opens what is sealed is away: the hub's own trouble, the provider was not asked. */
  | { readonly kind: 'key_away' }
  /** Nothing was asked, since the lease was lost or too short by now. */
  | { readonly kind: 'not_asked' };

/** Manners by which the old refresh token stays good after a lost answer: then a refusal has another reason. */
const HARMLESS: ReadonlySet<RefreshRetry> = new Set(['nonRotating', 'idempotent']);

/** What a grant means for the integration. */
export function afterGranted(
  integration: Pick<RefreshState, 'status'>,
  { grant, doubt }: Pick<Extract<RefreshAnswer, { kind: 'granted' }>, 'grant' | 'doubt'>,
  now: Date,
  chance: number,
): Change {
  return told(afterRefresh(integration, grant, now, chance), doubt, 'granted');
}

/**
 * What every other answer means for the integration.
 *
 * @param isProbe whether this was asked for all who wait behind an open breaker
 */
export function afterAnswer(
  integration: RefreshState,
  answer: Exclude<RefreshAnswer, { kind: 'granted' | 'not_asked' }>,
  now: Date,
  isProbe = false,
): Change {
  switch (answer.kind) {
    case 'works':
      return afterVerification(integration, now);
    case 'refused':
      return told(afterRefusal(integration, answer, now, isProbe), answer.doubt, answer.failure.code);
    case 'unopened':
      return afterUnopened(integration, answer.reason, now);
    case 'failed_here':
      return afterFailure(inDoubt(integration, answer.standing), answer.failure, now, answer.standing?.graceMs);
    case 'key_away':
      return afterPutOff(integration, failure('internal', 'key_provider_unavailable'), now);
  }
}

function afterRefusal(
  integration: RefreshState,
  { failure: refusal, doubt, standing }: Extract<RefreshAnswer, { kind: 'refused' }>,
  now: Date,
  isProbe: boolean,
): Change {
  if (refusal.reason === HELD_REASON) {
    const at = standing === undefined ? integration : inDoubt(integration, standing);
    return withHeldRefusal(afterPutOff(at, refusal, now, standing?.graceMs), now);
  }
  if (refusal.code !== 'invalid_grant' || doubt === null || HARMLESS.has(doubt.retry)) {
    const after = isProbe && refusesRegistration(refusal) ? afterPutOff : afterFailure;
    if (standing === undefined) return after(integration, refusal, now);
    return after(inDoubt(integration, standing), refusal, now, standing?.graceMs);
  }
  // most likely the lost answer held the successor: the person must sign in again, and the code tells why
  const lost: Failure = {
    code: 'token_refresh_failed',
    kind: 'definite',
    reason: `answer_lost_then_${refusal.reason}`,
  };
  return giveUp(integration, lost, now);
}

/** The row remembers: the next refusal, once the breaker has closed, is the last word. */
function withHeldRefusal(change: Change, now: Date): Change {
  return { ...change, patch: { ...change.patch, refusalHeldAt: now } };
}

function inDoubt(integration: RefreshState, standing: StandingDoubt | null): RefreshState {
  return { ...integration, inDoubtSince: standing?.since ?? null };
}

/** The seal is told apart from the refresh that fails by it. */
function afterUnopened(integration: RefreshState, reason: string, now: Date): Change {
  const change = afterFailure(integration, failure('internal', reason), now);
  return { ...change, events: [{ name: 'seal.open_failed', detail: { reason } }, ...change.events] };
}

/** A doubt is told before what came of it. */
function told(change: Change, doubt: Doubt | null, outcome: string): Change {
  if (doubt === null) return change;
  const event: EventDraft = { name: 'refresh.in_doubt', detail: { retry: doubt.retry, lost: doubt.lost, outcome } };
  return { ...change, events: [event, ...change.events] };
}
