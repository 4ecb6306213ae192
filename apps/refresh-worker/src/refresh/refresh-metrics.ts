import type { Lease, NoLease, Replaced, Settlement } from '@hub/database';
import { ladderIsSpent, type Integration } from '@hub/domain';
import { count, measure, preset } from '@hub/telemetry';

const MS_IN_SECOND = 1_000;

/** A lease was asked for. A sender that was never heard of again leaves a refresh token that may be spent. */
export function countClaim(provider: string, claim: Lease | NoLease): void {
  if ('owner' in claim) {
    count('refreshLease', { 'hub.outcome': 'acquired' });
    if (claim.neverRecorded) countIndeterminate(provider);
  } else if (claim.reason === 'busy') count('refreshLease', { 'hub.outcome': 'busy' });
}

/** The lease had passed to another before anything was sent. */
export function countLostLease(): void {
  count('refreshLease', { 'hub.outcome': 'lost' });
}

/** A refresh token was presented, and no usable answer came. */
export function countIndeterminate(provider: string): void {
  count('indeterminate', { 'hub.provider': provider });
}

/** An attempt is settled: what came too late for its lease is told, and the end of a cycle counted, once it is committed. */
export function countSettled(provider: string, settlement: Settlement): void {
  if (settlement.kind === 'late') count('refreshLease', { 'hub.outcome': 'stale_write_rejected' });
  if (settlement.kind === 'saved') countCycle(provider, settlement.integration, settlement.before);
}

/**
 * Counts a cycle that ends by a settlement. One that was given up has ended by that: what comes of it later is not told
 * again, though it ends the time without a valid token.
 */
function countCycle(provider: string, after: Integration, before: Replaced): void {
  const leftMs = before.expiresAt === null ? null : before.expiresAt.getTime() - before.at.getTime();
  const wasLapsed = leftMs !== null && leftMs <= 0 && before.status !== 'reauth_required';
  if (after.status !== 'refresh_failing' && wasLapsed)
    count('lapseDuration', { 'hub.provider': provider }, -leftMs / MS_IN_SECOND);
  const isRenewed = after.expiresAt?.getTime() !== before.expiresAt?.getTime(); // not merely found to work
  if (after.status === 'connected' && isRenewed && leftMs !== null)
    measure('refreshLeadTime', Math.max(0, leftMs) / MS_IN_SECOND, { 'hub.provider': provider });
  const outcome = outcomeOf(after, wasLapsed);
  if (outcome && !ladderIsSpent(before.failedRefreshes))
    count('refreshCycles', { 'hub.provider': provider, 'hub.outcome': outcome });
}

function outcomeOf(
  { status, failedRefreshes }: Integration,
  wasLapsed: boolean,
): 'refreshed' | 'late' | 'reauth_required' | 'abandoned' | undefined {
  switch (status) {
    case 'connected':
      return wasLapsed ? 'late' : 'refreshed';
    case 'reauth_required':
      return 'reauth_required';
    case 'refresh_failing':
      return ladderIsSpent(failedRefreshes) ? 'abandoned' : undefined;
  }
}

/** Makes the counters of refreshes known, at the start of the worker. */
export function presetRefreshes(providers: readonly string[]): void {
  preset('refreshCycles', { 'hub.provider': providers });
  preset('lapseDuration', { 'hub.provider': providers });
  preset('indeterminate', { 'hub.provider': providers });
  preset('refreshLease');
}
