import type { DeadLetter } from '@hub/database';
import { table, time } from '../table';

const HEAD = ['ID', 'PROVIDER', 'REASON', 'ATTEMPTS', 'FIRST FAILED', 'LAST FAILED'];

/** Dead letters as a table for people; the id begins with the kind. */
export function deadLetterTable(letters: readonly DeadLetter[]): string[] {
  return table(
    HEAD,
    letters.map(({ id, provider, reason, attempts, firstFailedAt, lastFailedAt }) => [
      id,
      provider,
      reason,
      String(attempts),
      time(firstFailedAt),
      time(lastFailedAt),
    ]),
  );
}
