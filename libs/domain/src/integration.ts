import type { FailureCode } from './failure';
import type { IntegrationId, OrgId, ProviderId } from './ids';

/**
 * - `connected`: the provider's last word about the grant was good.
 * - `refresh_failing`: a refresh failed and is tried again by itself; the token may still be valid.
 * - `reauth_required`: the provider has refused this grant: only a person who connects again can mend it.
 */
export const STATUSES = ['connected', 'refresh_failing', 'reauth_required'] as const;
export type Status = (typeof STATUSES)[number];

/** Whose account at the provider the grant is for. `id` never changes at the provider; `label` is for people. */
export interface Account {
  readonly id: string;
  readonly label: string;
}

/** What went wrong last and has not been mended since. */
export interface StandingFailure {
  readonly code: FailureCode;
  readonly at: Date;
  /** Failed attempts in a row. */
  readonly attempts: number;
}

/** The part of an integration that decisions about its refresh read. Times are the database's. */
export interface RefreshState {
  readonly status: Status;
  /** When the access token in hand was asked for; with `expiresAt` it gives the token's life. */
  readonly issuedAt: Date;
  /** When the access token ends; `null` where the provider announces no end. */
  readonly expiresAt: Date | null;
  /** When the refresh token itself ends unless it is used; `null` if that is not known. */
  readonly refreshExpiresAt: Date | null;
  /** When the next refresh is due; `null` where nothing is to be done ahead of time. */
  readonly nextRefreshAt: Date | null;
  /** Failed refreshes in a row: the rung of the ladder. */
  readonly failedRefreshes: number;
  /** When the first refresh token was presented that may be spent since no usable answer came; `null`: none is in doubt. */
  readonly inDoubtSince: Date | null;
}

/** The part of an integration that decisions about its metadata sync read. */
export interface SyncState {
  readonly status: Status;
  /** Failed syncs in a row. */
  readonly failedSyncs: number;
}

/** One org's link to one provider, as the hub keeps it; sealed tokens stay in the table. */
export interface Integration extends RefreshState, SyncState {
  readonly id: IntegrationId;
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly account: Account | null;
  /** What the person typed before the provider could be asked, such as the shop. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The granted scopes, space separated, implied ones expanded; `null` where the provider has none. */
  readonly scope: string | null;
  readonly refreshFailure: StandingFailure | null;
  readonly syncFailure: StandingFailure | null;
  readonly lastSyncAt: Date | null;
  readonly nextSyncAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Raised by every claim of a refresh and by every connect: a write of an older epoch is refused. */
  readonly epoch: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
