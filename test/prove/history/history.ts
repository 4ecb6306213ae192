import { createHash } from 'node:crypto';

/** How the sandbox's log names a token: the first 16 hex digits of its SHA-256. */
export function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 16);
}

/** The token that an integration had at the start. All times are milliseconds of one clock: everything runs on one machine. */
export interface SeededToken {
  readonly accessPrint: string;
  readonly refreshPrint: string | null;
  readonly issuedAt: number;
  /** `null`: no end is known. */
  readonly expiresAt: number | null;
}

/** An integration at the start and in the end. */
export interface Subject extends SeededToken {
  readonly id: string;
  readonly account: string;
  /** The row in the end; `null` if it is gone. */
  readonly row: FinalRow | null;
}

export interface FinalRow {
  readonly status: 'connected' | 'refresh_failing' | 'reauth_required';
  readonly accessPrint: string;
  readonly refreshPrint: string | null;
  readonly expiresAt: number | null;
  readonly failedRefreshes: number;
  readonly failureCode: string | null;
  readonly nextRefreshAt: number | null;
}

/** A refresh as the provider saw it. */
export interface Presentation {
  readonly seq: number;
  readonly at: number;
  readonly account: string;
  readonly presented: string | null;
  readonly accepted: boolean;
  readonly reason: string | null;
  readonly overlapping: boolean;
  /** What became of the answer, as far as the provider knows. */
  readonly answer: 'pending' | 'sent' | 'lost' | 'spoiled';
  readonly handedOut: {
    readonly access: string;
    readonly refresh: string | null;
    readonly accessExpiresAt: number | null;
  } | null;
}

/** A line of the audit trail. */
export interface TrailEvent {
  readonly integrationId: string;
  readonly seq: number;
  readonly at: number;
  readonly name: string;
  /** Of `refresh.succeeded`: when the stored access token ends; `null` without an end, or where nothing was stored. */
  readonly expiresAt: number | null;
  /** Of `refresh.succeeded`: true if the token in hand was found to work, so that none was stored. */
  readonly verified: boolean;
}

/** Something that may have cost an answer on its way from the provider into the table. */
export interface Interruption {
  readonly at: number;
  /** How long it lasted: 0 for a kill. */
  readonly forMs: number;
  /** Whose refreshes it struck, when their provider was asked, and when their answer was done with; `all`: anybody's. */
  readonly struck:
    readonly { readonly integrationId: string; readonly at: number; readonly endedAt?: number }[] | 'all';
  /** No answer is under way for longer in this scenario, its commit included; absent: the longest that any can be. */
  readonly answeredWithinMs?: number;
}

/** A time in which the provider gave nobody a token, whatever the hub did. */
export interface Outage {
  readonly from: number;
  readonly until: number;
}

/** One look at the table. */
export interface Sample {
  readonly at: number;
  /** Integrations whose access token was over and who were not waiting for a person. */
  readonly lapsed: readonly string[];
  /** How long the refresh that waited longest had been due, in milliseconds; negative: none was due. */
  readonly oldestDueMs: number;
}

/** The time from the end of a fault to the end of the scenario. */
export interface Recovery {
  readonly from: number;
  readonly until: number;
}

/** Everything that was written down about one scenario. */
export interface History {
  /** `rotating`: each refresh spends the refresh token. */
  readonly rotation: 'rotating' | 'lasting';
  readonly from: number;
  readonly until: number;
  readonly subjects: readonly Subject[];
  readonly presentations: readonly Presentation[];
  readonly trail: readonly TrailEvent[];
  readonly interruptions: readonly Interruption[];
  readonly outages: readonly Outage[];
  readonly samples: readonly Sample[];
  /** `null`: nothing to recover from. */
  readonly recovery: Recovery | null;
  /** When all was said to have settled, the workers still at work; `null`: it was not waited for. */
  readonly settledAt: number | null;
  /** Answers that came while the database was away, and when that was found out. */
  readonly parked: readonly { readonly integrationId: string; readonly at: number }[];
  /** Accounts whose grant the provider ended for good, and when. */
  readonly ended: ReadonlyMap<string, number>;
}

/** How long things may take at the token lives of a scenario. */
export interface Limits {
  /** The margin between a refresh's first due time and the expiry. */
  readonly marginMs: number;
  /** The longest wait between two tries inside the margin. */
  readonly longestRungMs: number;
  /** A lost family must be told of within this time after its loss. */
  readonly reportedWithinMs: number;
  /** So long after a fault's end everything must be as it was: an outage excuses no lapse beyond that. */
  readonly recoveredWithinMs: number;
  /** How many calls one worker may have under way at one provider. */
  readonly mostCallsOfWorker: number;
}

export type ViolationKind =
  | 'lapse'
  | 'lapse_seen'
  | 'double_spend'
  | 'unexplained_repeat'
  | 'family_lost'
  | 'late_report'
  | 'too_many_lost'
  | 'silent_loss'
  | 'asked_in_vain'
  | 'not_well'
  | 'audit_differs'
  | 'status_differs';

/** Something that must not be, with what is needed to look it up. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly integrationId: string | null;
  readonly at: number;
  readonly what: string;
}
