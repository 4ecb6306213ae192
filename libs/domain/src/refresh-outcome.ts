import type { EventDraft } from './audit-event';
import type { Change, IntegrationPatch, SealedGrant } from './change';
import { egressEvents } from './egress';
import { endsGrant, type Failure } from './failure';
import type { RefreshState } from './integration';
import { firstRefreshAt, graceLeftMs, lifeMs, remainingMs } from './refresh-plan';
import { ladderIsSpent, refreshDelayMs, withinGraceMs } from './retry-policy';
import { scopeChange } from './scopes';

/** The provider granted anew. What the grant may do otherwise than the one before is told beside it: {@link rescopedEvents}. */
export function afterRefresh(
  integration: Pick<RefreshState, 'status'>,
  grant: SealedGrant,
  now: Date,
  chance: number,
): Change {
  const next = firstRefreshAt(grant, now, chance);
  return {
    patch: { ...worked(now), grant, nextRefreshAt: next, inDoubtSince: null },
    events: [
      { name: 'refresh.succeeded', detail: { expiresAt: grant.expiresAt?.toISOString() ?? null } },
      ...recovery(integration),
    ],
    next,
  };
}

/**
 * What the trail tells where a grant may do otherwise than the one in the row: it is stored, and told, as a connect tells it.
 *
 * @param before the scope of the row in the moment in which the grant takes its place
 * @returns one event, or none
 */
export function rescopedEvents(before: string | null, { scope }: Pick<SealedGrant, 'scope'>): EventDraft[] {
  const change = scopeChange(before, scope);
  return change ? [{ name: 'grant.scope_changed', detail: { ...change } }] : [];
}

/**
 * The credential was tried at its provider, or by the hub's own rules, and still works, so that no new one was asked
 * for. Only those are tried so that cannot be put off ahead of time: nothing more is due, and a sync may tell more.
 */
export function afterVerification(integration: Pick<RefreshState, 'status'>, now: Date): Change {
  return {
    patch: { ...worked(now), nextRefreshAt: null, nextSyncAt: now },
    events: [{ name: 'refresh.succeeded', detail: { verified: true } }, ...recovery(integration)],
    next: null,
  };
}

/**
 * A grant has come in after its epoch had passed, and it is newer than the one in the row: the next claim looks at it at
 * once, also where a verdict has fallen without it.
 */
export function afterLateGrant(integration: Pick<RefreshState, 'status'>, now: Date): Change {
  const isJudged = integration.status === 'reauth_required';
  return {
    // a verdict that a sync has passed ended the syncs as well
    patch: { nextRefreshAt: now, ...(isJudged && { status: 'refresh_failing', nextSyncAt: now }) },
    events: isJudged
      ? [{ name: 'integration.reopened', detail: { from: integration.status, reason: 'late_grant' } }]
      : [],
    next: now,
  };
}

/**
 * The provider refused, no usable answer came, or the hub failed on its own. Whoever is to blame, the token was not
 * refreshed: the ladder is climbed, and past its last rung the refresh is a dead letter until a success.
 *
 * @param graceMs for how long the provider takes a spent refresh token again, `null` where it names no time
 */
export function afterFailure(
  integration: RefreshState,
  failure: Failure,
  now: Date,
  graceMs: number | null = null,
): Change {
  if (endsGrant(failure)) return giveUp(integration, failure, now);
  return tryAgain(integration, failure, now, integration.failedRefreshes + 1, graceMs);
}

/**
 * The refresh waits for something that all wait for and that is watched elsewhere: the key provider is away, the breaker
 * stands open and this was its probe, a verdict is held. Nothing was learnt about this integration, so no attempt is
 * counted: else a trouble of all would make a dead letter of each. A doubt stands as it is.
 *
 * @param failure what it waits for; its kind is never `definite`
 * @param graceMs as for `afterFailure`
 */
export function afterPutOff(
  integration: RefreshState,
  failure: Failure,
  now: Date,
  graceMs: number | null = null,
): Change {
  return tryAgain(integration, failure, now, integration.failedRefreshes, graceMs);
}

function tryAgain(
  integration: RefreshState,
  failure: Failure,
  now: Date,
  attempts: number,
  graceMs: number | null,
): Change {
  const inDoubtSince = integration.inDoubtSince ?? (failure.kind === 'in_doubt' ? now : null);
  const delay = withinGraceMs(
    refreshDelayMs(attempts, lifeMs(integration), remainingMs(integration, now), failure.retryAfterMs),
    graceLeftMs(inDoubtSince, graceMs, now),
  );
  const next = new Date(now.getTime() + delay);
  return {
    patch: {
      status: 'refresh_failing',
      nextRefreshAt: next,
      failedRefreshes: attempts,
      inDoubtSince,
      refreshFailure: { code: failure.code, at: now },
    },
    events: [failed(failure, attempts, ladderIsSpent(attempts)), ...egressEvents(failure)],
    next,
  };
}

/** Only a person can mend it: nothing more is asked of the provider until the next connect. */
export function giveUp(integration: Pick<RefreshState, 'failedRefreshes'>, failure: Failure, now: Date): Change {
  const attempts = integration.failedRefreshes + 1;
  return {
    patch: {
      status: 'reauth_required',
      nextRefreshAt: null,
      failedRefreshes: attempts,
      inDoubtSince: null,
      refreshFailure: { code: failure.code, at: now },
    },
    events: [
      failed(failure, attempts, false), // a replay would mend nothing
      { name: 'integration.reauth_required', detail: { code: failure.code, reason: failure.reason } },
    ],
    next: null,
  };
}

function worked(now: Date): IntegrationPatch {
  return { status: 'connected', failedRefreshes: 0, refreshFailure: null, refusalHeldAt: null, workedAt: now };
}

function failed({ code, kind, reason }: Failure, attempts: number, deadLetter: boolean): EventDraft {
  return { name: 'refresh.failed', detail: { code, kind, reason, attempts, deadLetter } };
}

function recovery(integration: Pick<RefreshState, 'status'>): EventDraft[] {
  return integration.status === 'connected'
    ? []
    : [{ name: 'integration.recovered', detail: { from: integration.status } }];
}
