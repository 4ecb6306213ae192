import type { DeadLetterKind, Status } from '@hub/domain';

/**
 * What the gateway's routes answer, as `/openapi.json` describes it. Only what the page reads is named; a test compares it
 * with the routes' own schemas.
 */

/** A provider of the catalog: how it is shown and what is asked before a connect. */
export interface ProviderCard {
  readonly provider: string;
  readonly label: string;
  readonly docsUrl: string;
  readonly mark: { readonly path: string; readonly colour: string } | null;
  readonly inputs: readonly ProviderInput[];
  /** False: its credential is a URL, so there is nothing that expires. */
  readonly hasToken: boolean;
  readonly takesEvents: boolean;
  readonly givenBackBy: 'token' | 'grant' | 'uninstall' | 'none';
}

/** What a person tells before the provider can be asked. */
export interface ProviderInput {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly example: string;
}

/** The answer of the catalog's route. */
export interface Catalog {
  readonly providers: readonly ProviderCard[];
  /** The `redirectUri` that leads back here; `null`: not allowed in this hub. */
  readonly returnUrl: string | null;
}

/** An integration (contract §3). Times are ISO 8601. */
export interface Integration {
  readonly provider: string;
  readonly configured: boolean;
  readonly status: Status | 'not_connected';
  readonly scope: string | null;
  readonly account: { readonly id: string; readonly label: string } | null;
  readonly expiresAt: string | null;
  readonly nextRefreshAt: string | null;
  readonly lastSyncAt: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly failure: { readonly code: string; readonly at: string; readonly attempts: number } | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** A line of the audit trail. */
export interface TrailEvent {
  readonly id: string;
  readonly seq: number;
  readonly at: string;
  readonly name: string;
  readonly provider: string | null;
  readonly actor: { readonly type: string; readonly id: string };
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A job that ran out of tries. */
export interface DeadLetter {
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly provider: string;
  readonly reason: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  /** Of a delivery: which event it was to deliver. */
  readonly event?: { readonly id: string; readonly seq: number; readonly type: string; readonly at: string };
}

/** A line of the delivery log. */
export interface Delivery {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly source: 'posted' | 'hub';
  readonly state: 'pending' | 'delivered' | 'dead' | 'cancelled';
  readonly failedAttempts: number;
  readonly nextAttemptAt: string | null;
  readonly failure: { readonly code: string; readonly at: string } | null;
  readonly lastStatus: number | null;
  readonly deliveredAt: string | null;
}

/** A page of the delivery log. */
export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly nextCursor: string | null;
}

/** Which of the hub's own events are delivered. */
export interface DeliverySettings {
  readonly events: readonly string[];
  /** Nothing is sent before, since the receiver failed several times in a row. */
  readonly pausedUntil: string | null;
  /** The hub's own events wait since then for those before them, which have taken all places. */
  readonly eventsWaitSince: string | null;
}

/** A page of a list. */
export interface TrailPage {
  readonly events: readonly TrailEvent[];
  readonly nextCursor: string | null;
}

/** A page of dead letters. */
export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[];
  readonly nextCursor: string | null;
}

/** A message of live status: `ready` first, then each event with the integration as it stands after it. */
export interface LiveMessage {
  readonly seq: number;
  readonly at?: string;
  readonly name: string;
  readonly provider?: string | null;
  readonly integration?: Integration | null;
}
