import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { SyncRepository, type SyncTarget } from '@hub/database';
import {
  afterSync,
  afterSyncFailure,
  endsGrant,
  failure,
  isSyncDue,
  ladderIsSpent,
  type Actor,
  type Change,
  type Integration,
  type IntegrationId,
  type OrgId,
  type SyncedMetadata,
} from '@hub/domain';
import type { MetadataReading } from '@hub/providers';
import type { JobOutcome, Work } from '@hub/queues';
import { failSpan, HubLogger, inSpan } from '@hub/telemetry';
import { KeyUnavailable } from '@hub/token-vault';
import { SingleFlight } from '@hub/worker';
import { Inject, Injectable } from '@nestjs/common';
import { FreshTokenService } from './fresh-token.service';
import { MetadataClient } from './metadata.client';
import { RefusalsService } from './refusals.service';
import { countVerdict, recordSync } from './sync-metrics';
import { SyncRecord } from './sync-record';

const WORKER: Actor = { type: 'worker', id: 'metadata-sync-worker' };
const UNAUTHORIZED = 401;

/** While the key provider is away a sync waits, on whatever rung it stands. */
const KEYS_AWAY_MS = 60_000;

/** What a sync has read, and of which credential. */
interface Read {
  readonly target: SyncTarget;
  readonly reading: MetadataReading;
}

/** Keeps one integration's metadata current at a time: the only writer of metadata. */
@Injectable()
export class SyncService {
  private readonly syncs = new SingleFlight<JobOutcome>();

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly integrations: SyncRepository,
    private readonly metadata: MetadataClient,
    private readonly tokens: FreshTokenService,
    private readonly refusals: RefusalsService,
    private readonly logger: HubLogger,
  ) {}

  /** Syncs an integration if its row says that it is due. */
  sync(work: Work): Promise<JobOutcome> {
    return this.syncs.once(work.id, () => this.attempt(work).catch((error: unknown) => this.keysAway(work, error)));
  }

  /** Comes back once what is under way has ended. */
  async drain(): Promise<void> {
    await this.syncs.idle();
  }

  private keysAway({ id, orgId, provider }: Work, error: unknown): JobOutcome {
    if (!(error instanceof KeyUnavailable)) throw error;
    this.logger.warning('hub.keys.unavailable', {
      provider,
      org: orgId,
      integration: id,
      ...error.facts,
    });
    return { againInMs: KEYS_AWAY_MS };
  }

  private async attempt(work: Work): Promise<JobOutcome> {
    const target = await this.integrations.load(work.orgId as OrgId, work.id as IntegrationId);
    if (!target) return 'done';
    if (!isSyncDue(target.integration, target.loadedAt)) return comesEarly(target);
    const record = new SyncRecord(this.logger, target);
    const read = await this.weighed(await inSpan('sync.fetch_page', { failureOf }, () => this.read(target)));
    const failed = failureOf(read);
    if (failed !== undefined) failSpan(failed);
    const decide = (current: Integration, at: Date): Change => this.changeAfter(read.reading, current, at);
    const settled = await inSpan('sync.commit', {}, () => this.integrations.settle(read.target, decide, WORKER));
    record.ended(read.reading, settled !== undefined);
    if (!settled) return 'done';
    const { integration, change } = settled;
    const dueAt = target.integration.nextSyncAt;
    if (dueAt) recordSync(integration.provider, read.reading, timeOf(target).getTime() - dueAt.getTime());
    if (change.patch.status === 'reauth_required') countVerdict(integration.provider);
    if (change.patch.status === 'reauth_required') await this.refusals.lookBack(integration);
    return outcomeOf(change, timeOf(read.target));
  }

  /** Reads, and once more with a fresh token if the one in hand is refused. */
  private async read(target: SyncTarget): Promise<Read> {
    const reading = await this.metadata.read(target);
    if (!isTokenRefused(reading) || !target.hasRefreshToken) return { target, reading };
    const then = await this.tokens.renew(target);
    if (!then || then.integration.status === 'reauth_required') return { target: then ?? target, reading };
    if (then.accessToken !== target.accessToken) return { target: then, reading: await this.metadata.read(then) };
    // the refresh worker has not come to a word about the grant, so this refusal is none either
    return { target: then, reading: NO_FRESH_TOKEN };
  }

  /** One API's word against a grant is not believed where it refuses everybody. */
  private async weighed({ target, reading }: Read): Promise<Read> {
    if (reading.ok || target.integration.status === 'reauth_required') return { target, reading };
    return { target, reading: { ...reading, failure: await this.refusals.weigh(target.integration, reading.failure) } };
  }

  private changeAfter(reading: MetadataReading, current: Integration, now: Date): Change {
    const { syncEveryMs } = this.config;
    if (reading.ok) return afterSync(newest(reading, current), now, syncEveryMs, Math.random());
    const change = afterSyncFailure(current, reading.failure, now, syncEveryMs);
    return reading.failure.code === 'internal' ? tellOfSeal(change, reading.failure.reason) : change;
  }
}

/** What others have learnt since it was read, such as deliveries of their hook, stands. */
function newest(reading: MetadataReading & { readonly ok: true }, { metadata }: Integration): SyncedMetadata {
  return reading.onlyFillsIn ? { ...reading, metadata: { ...reading.metadata, ...metadata } } : reading;
}

/** How spans name what a reading failed by. */
function failureOf({ reading }: Read): string | undefined {
  return reading.ok ? undefined : reading.failure.code;
}

/** A sealed token that does not open may have been tampered with: the trail tells of it by its own name. */
function tellOfSeal(change: Change, reason: string): Change {
  return { ...change, events: [{ name: 'seal.open_failed', detail: { reason } }, ...change.events] };
}

/** The database's time, carried on by the monotonic clock. */
function timeOf({ loadedAt, loadedMs }: SyncTarget): Date {
  return new Date(loadedAt.getTime() + (performance.now() - loadedMs));
}

const NO_FRESH_TOKEN: MetadataReading = {
  ok: false,
  failure: failure('provider_unavailable', 'no_fresh_token'),
  status: null,
};

function isTokenRefused(reading: MetadataReading): boolean {
  return !reading.ok && reading.status === UNAUTHORIZED && endsGrant(reading.failure);
}

/** A bell that rings before its time, or for what somebody else has done, rings again when the next sync is due. */
function comesEarly({ integration, loadedAt }: SyncTarget): JobOutcome {
  const { nextSyncAt, status } = integration;
  if (nextSyncAt === null || status === 'reauth_required') return 'done';
  return { againInMs: nextSyncAt.getTime() - loadedAt.getTime() };
}

/** The ladder of failed syncs is the queue's own backoff; after it, and after a success, the next sync has its time. */
function outcomeOf({ next, patch }: Change, now: Date): JobOutcome {
  if (next === null) return 'give_up';
  const failures = patch.failedSyncs ?? 0;
  const isClimbing = failures > 0 && !ladderIsSpent(failures);
  return isClimbing ? 'try_again' : { againInMs: next.getTime() - now.getTime() };
}
