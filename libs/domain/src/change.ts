import type { EventDraft } from './audit-event';
import type { FailureCode } from './failure';
import type { Sealed } from './ids';
import type { Account, Status } from './integration';

/** A provider's grant, sealed, with its times by the database's clock. */
export interface SealedGrant {
  readonly accessToken: Sealed;
  /** `undefined`: the provider sent none, the one in hand stays (RFC 6749 §6). */
  readonly refreshToken: Sealed | undefined;
  /** When it was asked for: ends are counted from here, so that a slow answer never stretches a life. */
  readonly issuedAt: Date;
  readonly expiresAt: Date | null;
  readonly refreshExpiresAt: Date | null;
  /** As granted, space separated, implied scopes expanded; `undefined`: the answer does not say, what is known stays. */
  readonly scope: string | null | undefined;
}

/** Columns that a decision wants written; what is absent stays as it is. */
export interface IntegrationPatch {
  readonly status?: Status;
  readonly grant?: SealedGrant;
  readonly account?: Account;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly nextRefreshAt?: Date | null;
  readonly failedRefreshes?: number;
  /** When a definite refusal was not believed; it is tried once more after the breaker has closed. */
  readonly refusalHeldAt?: Date | null;
  readonly inDoubtSince?: Date | null;
  readonly refreshFailure?: { readonly code: FailureCode; readonly at: Date } | null;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly nextSyncAt?: Date | null;
  readonly failedSyncs?: number;
  readonly syncFailure?: { readonly code: FailureCode; readonly at: Date } | null;
  /** The credential has just worked at its provider: `lastSyncAt` moves forward to this time. */
  readonly workedAt?: Date;
}

/** What a decision wants: columns, the events that tell of it (same transaction), and when to come back. */
export interface Change {
  readonly patch: IntegrationPatch;
  readonly events: readonly EventDraft[];
  /** When the next job of the same kind is due; `null`: none is scheduled. */
  readonly next: Date | null;
}
