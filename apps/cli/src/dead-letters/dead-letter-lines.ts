import type { DeadLetter } from '@hub/database';
import { NOTHING, table, time } from '../table';

const HEAD = ['ID', 'PROVIDER', 'REASON', 'ATTEMPTS', 'FIRST FAILED', 'LAST FAILED', 'EVENT'];

/** Dead letters as a table for people; the id begins with the kind, and of a delivery the event is told. */
export function deadLetterTable(letters: readonly DeadLetter[]): string[] {
  return table(
    HEAD,
    letters.map(({ id, provider, reason, attempts, firstFailedAt, lastFailedAt, event }) => [
      id,
      provider,
      reason,
      String(attempts),
      time(firstFailedAt),
      time(lastFailedAt),
      event ? `${event.type} no. ${event.seq}` : NOTHING,
    ]),
  );
}
