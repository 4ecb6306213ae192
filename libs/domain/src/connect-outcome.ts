import type { Change, SealedGrant } from './change';
import type { Account } from './integration';
import { firstRefreshAt } from './refresh-plan';

/** What a completed connect stands on. */
export interface Connected {
  readonly grant: SealedGrant;
  /** `null` where the provider could not be asked whose account it is: the next sync fills it in. */
  readonly account: Account | null;
  readonly inputs: Readonly<Record<string, string>>;
  /** What the token endpoint told beside the grant; for the same account what was known before stays under it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whether the provider can be asked for a fresh token at all. */
  readonly refreshable: boolean;
  /** True if the org was linked to this provider before. */
  readonly again: boolean;
}

/** A connect, first or again: everything of the old grant gives way, all counters start anew. */
export function afterConnect(connected: Connected, now: Date, chance: number): Change {
  const next = connected.refreshable ? firstRefreshAt(connected.grant, now, chance) : null;
  return {
    patch: {
      status: 'connected',
      grant: connected.grant,
      ...(connected.account && { account: connected.account }),
      inputs: connected.inputs,
      metadata: connected.metadata,
      nextRefreshAt: next,
      failedRefreshes: 0,
      inDoubtSince: null,
      refreshFailure: null,
      refusalHeldAt: null,
      nextSyncAt: now,
      failedSyncs: 0,
      syncFailure: null,
    },
    events: [
      {
        name: 'integration.connected',
        detail: { again: connected.again },
        personal: { account: connected.account?.label ?? null },
      },
    ],
    next,
  };
}

/** Whether a new connect is for another account than the one the org has; unknown accounts are not told apart. */
export function isOtherAccount(before: Account | null, after: Account | null): boolean {
  return before !== null && after !== null && before.id !== after.id;
}
