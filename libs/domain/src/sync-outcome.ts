import type { Change } from './change';
import { endsGrant, failure, type Failure } from './failure';
import type { Account, RefreshState, SyncState } from './integration';
import { giveUp } from './refresh-outcome';
import { isDue } from './refresh-plan';
import { ladderIsSpent, retryDelayMs } from './retry-policy';

/** What a sync learnt. */
export interface SyncedMetadata {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whose account it is, where the provider said so. */
  readonly account: Account | null;
}

/** The latest syncs of a provider's integrations, one of each: those that its API refused or failed, beside all. */
export interface RefusalTally {
  readonly refused: number;
  readonly synced: number;
}

/** An API's word against a grant is believed unless so many others are refused as well. */
const FEWEST_REFUSALS = 5;
const HALF = 1 / 2;
/** Syncs of one org's integrations are spread over a tenth of the interval. */
const JITTER_OF_INTERVAL = 1 / 10;

/** Whether a sync that a job asks for is still to be done: the row decides, the job only rings. */
export function isSyncDue(integration: SyncState & { readonly nextSyncAt: Date | null }, now: Date): boolean {
  if (integration.status === 'reauth_required' || integration.nextSyncAt === null) return false;
  return integration.nextSyncAt.getTime() <= now.getTime();
}

/**
 * Whether an API that refuses so many tokens is sick itself, rather than their grants dead. It takes fewer than at a token
 * endpoint (`isMassVerdict`): most of these tokens were granted a moment ago, so that the provider contradicts itself.
 *
 * @param tally with the refusal at hand counted in
 */
export function isMassRefusal({ refused, synced }: RefusalTally): boolean {
  return refused >= FEWEST_REFUSALS && refused >= synced * HALF;
}

/**
 * The provider told its metadata.
 *
 * @param everyMs the usual interval between syncs, in milliseconds
 * @param chance  uniform in [0, 1): the jitter, drawn by the caller
 */
export function afterSync(synced: SyncedMetadata, now: Date, everyMs: number, chance: number): Change {
  const next = new Date(now.getTime() + everyMs * (1 - JITTER_OF_INTERVAL * chance));
  return {
    patch: {
      metadata: synced.metadata,
      ...(synced.account && { account: synced.account }),
      nextSyncAt: next,
      failedSyncs: 0,
      syncFailure: null,
      workedAt: now,
    },
    events: [{ name: 'sync.completed', detail: { keys: Object.keys(synced.metadata).sort() } }],
    next,
  };
}

/** A word against the grant while a refresh is due or under way: what that comes to says more, and may be a new grant. */
const REFRESH_COMES_FIRST = failure('provider_unavailable', 'refresh_comes_first');

/**
 * The provider did not tell its metadata. Only its definite word about the grant touches the status, and only while no
 * refresh is due: one that is under way stays due until it has settled. The tokens and their schedule stay as they are.
 *
 * @param integration as it stands when the change is written, not as it was when the provider was asked: somebody may
 *                    have judged the grant, or lifted a verdict, meanwhile
 */
export function afterSyncFailure(
  integration: SyncState & Pick<RefreshState, 'failedRefreshes' | 'nextRefreshAt'>,
  heard: Failure,
  now: Date,
  everyMs: number,
): Change {
  const failure = endsGrant(heard) && isDue(integration, now) ? REFRESH_COMES_FIRST : heard;
  const attempts = integration.failedSyncs + 1;
  const spent = ladderIsSpent(attempts);
  const next = new Date(now.getTime() + (spent ? everyMs : retryDelayMs(attempts)));
  const isJudged = integration.status === 'reauth_required' || endsGrant(failure);
  const failed = {
    name: 'sync.failed',
    detail: { code: failure.code, reason: failure.reason, attempts, deadLetter: spent && !isJudged },
  } as const;
  const patch = { nextSyncAt: next, failedSyncs: attempts, syncFailure: { code: failure.code, at: now } };
  if (integration.status === 'reauth_required')
    return { patch: { ...patch, nextSyncAt: null }, events: [failed], next: null };
  if (!endsGrant(failure)) return { patch, events: [failed], next };
  const end = giveUp(integration, failure, now);
  return { patch: { ...patch, ...end.patch, nextSyncAt: null }, events: [failed, ...end.events.slice(1)], next: null };
}
