import type { IntegrationId } from './ids';

/** Every name an audit event can have. What denies something says what was denied. */
export const EVENT_NAMES = [
  'integration.connected',
  'integration.disconnected',
  'integration.reauth_required',
  'integration.recovered',
  'integration.reopened',
  'integration.account_mismatch',
  'refresh.succeeded',
  'refresh.failed',
  'refresh.in_doubt',
  'sync.completed',
  'sync.failed',
  'token.read',
  'delivery.succeeded',
  'delivery.failed',
  'delivery.secret_read',
  'delivery.settings_changed',
  'dead_letter.replayed',
  'dead_letter.expired',
  'revocation.succeeded',
  'revocation.failed',
  'revocation.skipped',
  'flow.started',
  'flow.state_unknown',
  'flow.state_malformed',
  'flow.state_replayed',
  'flow.state_expired',
  'flow.provider_mismatch',
  'flow.context_mismatch',
  'flow.issuer_mismatch',
  'flow.response_rejected',
  'flow.redirect_rejected',
  'flow.unbound',
  'flow.confirmed',
  'flow.confirm_rejected',
  'flow.deferred',
  'flow.handle_rejected',
  'flow.handle_replayed',
  'flow.user_mismatch',
  'flow.denied',
  'flow.cancelled',
  'flow.abandoned',
  'flow.foreign',
  'grant.rejected',
  'grant.malformed',
  'grant.scope_changed',
  'webhook.rejected',
  'console.link_created',
  'console.link_rejected',
  'console.signed_in',
  'console.signed_out',
  'audit.exported',
  'audit.pruned',
  'auth.failed',
  'auth.forbidden',
  'auth.foreign_org',
  'limit.reached',
  'egress.blocked',
  'denials.suppressed',
  'request.invalid',
  'seal.open_failed',
  'key.created',
  'key.restored',
  'key.rotation_requested',
  'key.rotation_started',
  'key.rewrapped',
  'key.rotated',
  'key.retired',
  'key.rotation_finished',
  'key.destroyed',
  'org.forget_started',
  'org.forgotten',
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

/**
 * The events that people follow as they happen: what became of an integration, its refreshes, syncs and deliveries. Reads
 * of tokens, steps of a connect, denials and the hub's own housekeeping are no news.
 */
export const LIVE_EVENT_NAMES = [
  'integration.connected',
  'integration.disconnected',
  'integration.reauth_required',
  'integration.recovered',
  'integration.reopened',
  'refresh.succeeded',
  'refresh.failed',
  'refresh.in_doubt',
  'sync.completed',
  'sync.failed',
  'delivery.succeeded',
  'delivery.failed',
  'dead_letter.replayed',
] as const satisfies readonly EventName[];

export type LiveEventName = (typeof LIVE_EVENT_NAMES)[number];

/** Who did it: a caller by the `sub` of its token, or a part of the hub by its name. */
export interface Actor {
  readonly type: 'user' | 'worker' | 'system';
  readonly id: string;
}

/** An event as a decision words it; the trail adds id, org, `seq` and time. */
export interface EventDraft {
  readonly name: EventName;
  /** Facts for a person who reads the trail; never a secret, and nothing that names a person. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Facts that may name a person: part of the detail, sealed under the org's key, so that forgetting the org shreds them. */
  readonly personal?: Readonly<Record<string, string | null>>;
  /** Facts that may name a person and only have to be told apart: part of the detail, as pseudonyms under the org's key. */
  readonly pseudonyms?: Readonly<Record<string, string>>;
}

/** A draft with what the trail needs to place it. */
export interface AuditEntry extends EventDraft {
  readonly provider: string | null;
  readonly integrationId: IntegrationId | null;
  readonly actor: Actor;
}
