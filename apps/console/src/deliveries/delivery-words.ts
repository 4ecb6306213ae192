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

/** How a delivery stands. @param next words for when it is tried again; `null` where it is not */
export function deliveryWords(
  delivery: Delivery,
  next: string | null,
): { tone: 'good' | 'warn' | 'bad' | 'idle'; words: string } {
  const { state, failedAttempts, failure, lastStatus } = delivery;
  if (state === 'delivered') return { tone: 'good', words: 'Delivered' };
  if (state === 'cancelled') return { tone: 'idle', words: 'Cancelled: it was disconnected' };
  const why =
    failure === null ? '' : `: ${problemWords(failure.code).what}${lastStatus === null ? '' : ` (HTTP ${lastStatus})`}`;
  const tries = counted(failedAttempts, 'try', 'tries');
  if (state === 'dead') return { tone: 'bad', words: `Failed after ${tries}${why}` };
  if (next === null) return { tone: 'warn', words: 'Waits for a new URL' };
  return failedAttempts === 0
    ? { tone: 'idle', words: 'Waits to be sent' }
    : { tone: 'warn', words: `Tried again ${next}, after ${tries}${why}` };
}
