import type { FlowId, OrgId, ProviderId } from './ids';

/** A flow lives so long from its start, by the database's clock. */
export const FLOW_LIFE_MS = 10 * 60_000;

/**
 * - `awaiting_input`: the hub's own page still asks for what the provider needs (a shop, a hook URL).
 * - `open`: the browser is at the provider; the state may come back once.
 * - `taken`: the state has come back; a second time is a replay.
 * - `parked`: the code waits, sealed, for the confirm page's button, or for the backend's handle.
 * - `completed`, `refused`: over. `cancelled`: over, since the org disconnected meanwhile. `abandoned`: over, since nobody
 *   has brought it to an end in time.
 */
export const FLOW_STATUSES = [
  'awaiting_input',
  'open',
  'taken',
  'parked',
  'completed',
  'refused',
  'cancelled',
  'abandoned',
] as const;
export type FlowStatus = (typeof FLOW_STATUSES)[number];

/**
 * Who completes a flow: the browser that comes back from the provider, or the backend of the product, which has the handle
 * from that browser and knows whose browser it is.
 */
export const FLOW_COMPLETIONS = ['browser', 'deferred'] as const;
export type FlowCompletion = (typeof FLOW_COMPLETIONS)[number];

/** What to do with a callback that comes without its flow's cookie: a browser that did not start the flow. */
export const UNBOUND_POLICIES = ['confirm', 'refuse', 'allow'] as const;
export type UnboundPolicy = (typeof UNBOUND_POLICIES)[number];

/** Where a provider answers, `{shop}` and the like filled in. Frozen in the flow when it starts. */
export interface Endpoints {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string | null;
  readonly apiBaseUrl: string;
}

/** What lives between connect and callback. */
export interface Flow {
  readonly id: FlowId;
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  /** The `sub` of the caller who started it. */
  readonly startedBy: string;
  readonly status: FlowStatus;
  readonly completion: FlowCompletion;
  /** Where the browser goes in the end; one of the allow-list when the flow began. */
  readonly returnUrl: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** The scopes that were asked for. */
  readonly scopes: readonly string[];
  /** `null` until the inputs are known. */
  readonly endpoints: Endpoints | null;
  readonly clientId: string;
  readonly allowAccountChange: boolean;
  readonly expiresAt: Date;
}

/** The parameters of a callback, each at most once. */
export type CallbackQuery = Readonly<Record<string, string>>;
