import { isUuid } from './ids';
import type { RefreshState, SyncState } from './integration';
import { ladderIsSpent } from './retry-policy';

/**
 * What a job that ran out of tries was to do. A dead letter is something that a replay can mend.
 *
 * - `refresh`: the refresh of an integration in `refresh_failing`. It is still tried, and a success clears it.
 * - `sync`: the metadata sync of an integration. The same holds.
 * - `revocation`: a grant on its way back to its provider. Nothing more is tried until it is replayed.
 * - `delivery`: a webhook send. The same holds.
 */
export const DEAD_LETTER_KINDS = ['sync', 'refresh', 'delivery', 'revocation'] as const;
export type DeadLetterKind = (typeof DEAD_LETTER_KINDS)[number];

/** What names a dead letter: its kind, and the row that it stands in. */
export interface DeadLetterName {
  readonly kind: DeadLetterKind;
  /** A UUID in lower case: of the integration, of the revocation or of the delivery. */
  readonly rowId: string;
}

/** A dead letter's id, such as `refresh-6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21`: the same for as long as it is dead. */
export function deadLetterId({ kind, rowId }: DeadLetterName): string {
  return `${kind}-${rowId}`;
}

/** What an id names; `undefined` if it can be no dead letter's. */
export function parseDeadLetterId(text: string): DeadLetterName | undefined {
  const kind = DEAD_LETTER_KINDS.find((known) => text.startsWith(`${known}-`));
  const rowId = text.slice(text.indexOf('-') + 1);
  return kind !== undefined && isUuid(rowId) ? { kind, rowId: rowId.toLowerCase() } : undefined;
}

/** The kinds of dead letters that stand in an integration. In `reauth_required` there are none: only a person can mend it. */
export function deadLetterKindsOf(
  integration: Pick<RefreshState & SyncState, 'status' | 'failedRefreshes' | 'failedSyncs'>,
): ('refresh' | 'sync')[] {
  const { status, failedRefreshes, failedSyncs } = integration;
  if (status === 'reauth_required') return [];
  const isDead = {
    refresh: status === 'refresh_failing' && ladderIsSpent(failedRefreshes),
    sync: ladderIsSpent(failedSyncs),
  };
  return (['refresh', 'sync'] as const).filter((kind) => isDead[kind]);
}
