import type { BreakerReason } from '@hub/database';
import { failure, HELD_REASON, refusesRegistration, speaksAgainstProvider } from '@hub/domain';
import type { RefreshAnswer } from '../refresh/refresh-answer';

/** What an answer says about the provider itself: it works, it does not, or nothing. */
export type Word = 'well' | 'sick' | 'silent';

/**
 * A definite word about one grant is a word of a provider that works. A throttle asks for patience and says nothing, nor
 * does what the hub could not do, or what is refused to one integration.
 */
export function wordOf(answer: RefreshAnswer): Word {
  switch (answer.kind) {
    case 'granted':
    case 'works':
      return 'well';
    case 'refused':
      if (answer.failure.kind === 'definite') return 'well';
      return speaksAgainstProvider(answer.failure) ? 'sick' : 'silent';
    case 'unopened':
    case 'failed_here':
    case 'key_away':
    case 'not_asked':
      return 'silent';
  }
}

/**
 * Whether an answer ends what a breaker was opened for. After a mass of verdicts only a grant is believed: that a token
 * works at the API is no word of the endpoint that refuses everybody.
 */
export function closes(reason: BreakerReason, answer: RefreshAnswer): boolean {
  if (reason === 'mass_verdict') return answer.kind === 'granted';
  return wordOf(answer) === 'well';
}

/** Why a breaker opens on this answer, if enough of its kind have come. */
export function reasonOf(answer: RefreshAnswer): Exclude<BreakerReason, 'mass_verdict'> {
  return answer.kind === 'refused' && refusesRegistration(answer.failure) ? 'refused_client' : 'outage';
}

/** True for a word that would cost the org its connection. */
export function isVerdict(answer: RefreshAnswer): boolean {
  return answer.kind === 'refused' && answer.failure.kind === 'definite' && answer.failure.code === 'invalid_grant';
}

/** A refusal that is not believed for now. */
export type HeldAnswer = Extract<RefreshAnswer, { kind: 'refused' }>;

/** The same refusal, not believed: it is the hub's or the provider's own trouble until a probe says otherwise. */
export function held(answer: HeldAnswer): HeldAnswer {
  return { ...answer, failure: failure('provider_misconfigured', HELD_REASON) };
}
