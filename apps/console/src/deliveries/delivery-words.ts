import { counted } from '../look/amounts';
import { problemWords } from '../outcome/problem-words';
import type { Delivery } from '../wire/wire';

/** The hub's own events that an org may have delivered, with what each tells. */
export const OFFERED_EVENTS = [
  ['integration.connected', 'something was connected'],
  ['integration.reauth_required', 'something needs a new sign-in'],
  ['integration.recovered', 'something works again'],
  ['integration.disconnected', 'something was disconnected'],
  ['sync.completed', 'details were read; this comes every hour for each integration'],
] as const;

/** What went wrong with a send, where a receiver means something else by it than a provider does by a sign-in. */
const SEND_WORDS: Readonly<Record<string, string>> = {
  invalid_grant: 'the webhook is gone',
  provider_misconfigured: 'the receiver refused this very message',
  provider_unavailable: 'the receiver did not answer, or had a fault of its own',
  bad_provider_response: 'the receiver did not take it',
  rate_limited: 'the receiver asked for fewer messages',
};

/** Why a delivery was not taken, as the end of a sentence. @param code of its failure */
export function sendWords(code: string): string {
  return (Object.hasOwn(SEND_WORDS, code) ? SEND_WORDS[code] : undefined) ?? problemWords(code).what;
}

/** How a delivery stands. @param next words for when it is tried again; `null` where it is not */
export function deliveryWords(
  delivery: Delivery,
  next: string | null,
): { tone: 'good' | 'warn' | 'bad' | 'idle'; words: string } {
  const { state, failedAttempts, failure, lastStatus } = delivery;
  if (state === 'delivered') return { tone: 'good', words: 'Delivered' };
  if (state === 'cancelled') return { tone: 'idle', words: cancelWords(failure !== null) };
  const why =
    failure === null ? '' : `: ${sendWords(failure.code)}${lastStatus === null ? '' : ` (HTTP ${lastStatus})`}`;
  const tries = counted(failedAttempts, 'try', 'tries');
  if (state === 'dead') return { tone: 'bad', words: `Failed after ${tries}${why}` };
  if (next === null) return { tone: 'warn', words: 'Waits for a new URL' };
  return failedAttempts === 0
    ? { tone: 'idle', words: 'Waits to be sent' }
    : { tone: 'warn', words: `Tried again ${next}, after ${tries}${why}` };
}

/** The log does not tell which of both it was. */
function cancelWords(hasFailed: boolean): string {
  return `Cancelled: it was disconnected${hasFailed ? ', or not tried again for 90 days' : ''}`;
}
