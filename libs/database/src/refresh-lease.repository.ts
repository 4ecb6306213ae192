import {
  afterLateGrant,
  type EventDraft,
  graceLeftMs,
  isDue,
  leaseMs,
  leaseWithinGraceMs,
  patienceMs,
  remainingMs,
  rescopedEvents,
  type Actor,
  type Change,
  type Integration,
  type IntegrationId,
  type OrgId,
  type Sealed,
  type SealedGrant,
} from '@hub/domain';
import type { WrappedDataKey } from '@hub/token-vault';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import { putBackDataKey } from './data-key.repository';
import { noticeDue } from './due-notices.client';
import { IntegrationEntity, LateGrantEntity } from './entities';
import type { HubDatabase } from './hub-database';
import { patchAssignments, toIntegration } from './integration-row';
import { isOutOfTime } from './refused-statement';
import { enqueueRevocation } from './revocation.repository';
import { affected, selectOne } from './statements';

/** For as long as the shortest lease lives, what is out of time is tried again at once. */
const SETTLE_FOR_MS = 4_000;

/** The class of the locks behind which answers to rows that are gone are told. */
const LATE_ANSWERS = 7_264_021;
/** As many of the org's latest events of a provider are looked at for such an answer: it is brought again within seconds, or by the next process. */
const TOLD_LATELY = 10_000;

/** What fences a write: an epoch of an integration, with what is needed should the row be gone by then. */
export interface Fence {
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly epoch: number;
  readonly integration: Pick<Integration, 'provider' | 'account' | 'inputs'>;
  /** What the grant is sealed under, where the database may have forgotten it meanwhile. */
  readonly dataKey?: WrappedDataKey | null;
}

/** The right to refresh one integration for a while. Its epoch fences every write: one of an older epoch is refused. */
export interface Lease extends Fence {
  readonly owner: string;
  /** The row as it was claimed. */
  readonly integration: Integration;
  /** Sealed for `integrations.access_token` of this row. */
  readonly accessToken: Sealed;
  /** Sealed for `integrations.refresh_token` of this row. */
  readonly refreshToken: Sealed | null;
  /** Since when an answer may be lost, of an attempt before or, once it was sent, of this one; `null`: none is in doubt. */
  readonly inDoubtSince: Date | null;
  /** True if the attempt before this one was sent and never came to an end. */
  readonly neverRecorded: boolean;
  /** When a definite refusal of this grant was not believed; `null`: none was since the last grant. */
  readonly refusalHeldAt: Date | null;
  /** A grant that came when its epoch had passed, and is newer than the one in the row: it is to be stored, not asked for again. */
  readonly lateGrant: SealedGrant | null;
  /** The database's time of the claim. */
  readonly claimedAt: Date;
  /** The monotonic time of the claim, by `performance.now()`, taken before the claim was sent. */
  readonly claimedMs: number;
  readonly leaseMs: number;
}

/** A grant that was stored in its row once. */
export interface StoredOnce extends Omit<Fence, 'epoch'> {
  readonly grant: SealedGrant;
}

/**
 * Why there is nothing to do: the row is gone, not due (somebody did it), or another worker is at it; or `awaited`: after
 * an outage of the database, whoever had asked for it may still hold the answer, and commits it first; or `no_late_grant`:
 * only a late grant was to be stored, and there is none.
 */
export interface NoLease {
  readonly reason: 'gone' | 'not_due' | 'busy' | 'awaited' | 'no_late_grant';
  /** When the row falls due, or may be claimed, in milliseconds; `null` if it does not, or nobody knows yet. */
  readonly dueInMs: number | null;
  /** The row's own, `null` if it is gone. */
  readonly epoch: number | null;
}

/**
 * What became of a settled attempt: written; or what came of it was not, since a grant that came late is to be looked at
 * first; or its epoch had passed, so that its grant was kept apart; or the row was gone.
 */
export type Settlement =
  | { readonly kind: 'saved'; readonly integration: Integration; readonly before: Replaced }
  | { readonly kind: 'late_grant_waits'; readonly epoch: number }
  | { readonly kind: 'late'; readonly epoch: number }
  | { readonly kind: 'gone' };

/** How a row stood when an attempt was settled. */
export interface Replaced {
  readonly status: Integration['status'];
  /** Of the access token that was there; `null`: no end is known. */
  readonly expiresAt: Date | null;
  readonly failedRefreshes: number;
  /** The database's time of the settling. */
  readonly at: Date;
}

/** The part of a row that a claim decides on, read under its lock. */
interface ClaimHead {
  epoch: number;
  status: Integration['status'];
  failed_refreshes: number;
  phase: string;
  next_refresh_at: Date | null;
  expires_at: Date | null;
  issued_at: Date;
  scope: string | null;
  in_doubt_since: Date | null;
  lease_until: Date | null;
  /** For how long the server has been up, in milliseconds. */
  up_ms: number;
  at: Date;
}

/** The database's half of single flight: claim, intent, fenced write (reliability reference §3). */
export class RefreshLeaseRepository {
  /** @param settling another door to the same database, so that what was granted waits behind nothing else */
  constructor(
    private readonly database: HubDatabase,
    private readonly settling: HubDatabase = database,
  ) {}

  /**
   * Claims a refresh that is due. One short transaction: nobody holds a lock while the provider is asked.
   *
   * @param graceMs for how long the provider takes a spent refresh token again, `null` where it names no time
   * @param knownTroubles the database's troubles that the caller has looked into: after another one it is `awaited`, since
   *   what answers now may have forgotten what was spent
   * @param onlyLateGrant true where nobody may be asked: claimed only to store a late grant, else the row stays untouched
   */
  async claim(
    orgId: OrgId,
    integrationId: IntegrationId,
    owner: string,
    graceMs: number | null = null,
    knownTroubles: number = this.database.troubles,
    onlyLateGrant = false,
  ): Promise<Lease | NoLease> {
    const claimedMs = performance.now();
    return this.database.withOrg(orgId, async (manager) => {
      const head = await lockHead(manager, integrationId);
      if (!head) return { reason: 'gone', dueInMs: null, epoch: null };
      if (this.database.troubles !== knownTroubles) return { reason: 'awaited', dueInMs: 0, epoch: head.epoch };
      if (onlyLateGrant && (await newestLateGrant(manager, integrationId)) === null)
        return { reason: 'no_late_grant', dueInMs: null, epoch: head.epoch };
      const lease = leaseWithinGraceMs(
        leaseMs(remainingMs({ expiresAt: head.expires_at }, head.at)),
        graceLeftMs(head.in_doubt_since, graceMs, head.at),
      );
      const refusal = whyNot(head) ?? whyAwaited(head, patienceMs(lease), this.database.answeringForMs);
      if (refusal) return refusal;
      await manager.query(
        `update public.integrations set epoch = epoch + 1, phase = 'claimed', lease_owner = $2,
           lease_until = clock_timestamp() + make_interval(secs => $3),
           in_doubt_since = case when phase = 'sending' then coalesce(in_doubt_since, clock_timestamp()) else in_doubt_since end
         where id = $1`,
        [integrationId, owner, lease / 1000],
      );
      const row = await loadWithTokens(manager, integrationId);
      return {
        orgId,
        integrationId,
        epoch: row.epoch,
        owner,
        integration: toIntegration(row),
        accessToken: row.accessToken as Sealed,
        refreshToken: row.refreshToken as Sealed | null,
        inDoubtSince: row.inDoubtSince,
        neverRecorded: head.phase === 'sending',
        refusalHeldAt: row.refusalHeldAt,
        lateGrant: await newestLateGrant(manager, integrationId),
        claimedAt: head.at,
        claimedMs,
        leaseMs: lease,
      };
    });
  }

  /**
   * Records that the provider is about to be asked, so that a crash from here on is known to be in doubt, and lets the
   * lease begin anew.
   *
   * @param lastsMs how long it lasts from here on
   * @returns the lease with its new begin; `undefined` if it was lost meanwhile: the provider must not be asked
   */
  async markSending(lease: Lease, lastsMs = lease.leaseMs): Promise<Lease | undefined> {
    const claimedMs = performance.now();
    return this.database.withOrg(lease.orgId, async (manager) => {
      const [rows] = await manager.query<[{ at: Date }[], number]>(
        `update public.integrations set phase = 'sending', lease_until = clock_timestamp() + make_interval(secs => $3),
           in_doubt_since = coalesce(in_doubt_since, clock_timestamp())
         where id = $1 and epoch = $2 and phase <> 'idle' returning clock_timestamp() as at`,
        [lease.integrationId, lease.epoch, lastsMs / 1000],
      );
      const [marked] = rows;
      return marked && { ...lease, claimedAt: marked.at, claimedMs, leaseMs: lastsMs };
    });
  }

  /**
   * Writes what an attempt decided, if its epoch still holds, with its events, and ends the lease. A grant that comes too
   * late is kept. Safe to call again: where a line falls silent it is done so at once, over a new connection.
   */
  async settle(fence: Fence, change: Change, actor: Actor): Promise<Settlement> {
    const untilMs = performance.now() + SETTLE_FOR_MS;
    for (;;)
      try {
        return await this.settleOnce(fence, change, actor);
      } catch (error) {
        if (!isOutOfTime(error) || performance.now() >= untilMs) throw error;
      }
  }

  /** True if the row holds an older grant than this one, which was stored in it once: the database was set back to an earlier moment. */
  async hasForgotten({ orgId, integrationId, grant }: StoredOnce): Promise<boolean> {
    return this.database.withOrg(orgId, async (manager) => isOlder(manager, integrationId, grant));
  }

  /**
   * Puts a grant beside its row if the row has forgotten it: the next claim finds it there.
   *
   * @returns the epoch that the row has now; `undefined` if it has forgotten nothing, or is gone
   */
  async recall(stored: StoredOnce, actor: Actor): Promise<number | undefined> {
    const { orgId, integrationId, grant, integration } = stored;
    return this.database.withOrg(orgId, async (manager) => {
      const head = await lockHead(manager, integrationId);
      if (!head || !(await isOlder(manager, integrationId, grant))) return undefined;
      const restored = stored.dataKey ? await putBackDataKey(manager, stored.dataKey, actor) : [];
      const detail = { kept: 'inbox', epoch: head.epoch, why: 'database_set_back' };
      const events = await putIntoInbox(manager, { ...stored, epoch: head.epoch }, head, grant, detail);
      const place = { provider: integration.provider, integrationId, actor };
      await appendEvents(
        manager,
        events.map((event) => ({ ...event, ...place })),
      );
      await appendEvents(manager, restored);
      return head.epoch;
    });
  }

  /**
   * Gives a lease back without a word about the grant; what is in doubt stays so. Nothing has settled by that: the row is
   * due as before, others hear of it at once, and whoever waits for its refresh waits for theirs.
   */
  async release({ orgId, integrationId: id, epoch, inDoubtSince, integration }: Lease): Promise<void> {
    await this.database.withOrg(orgId, async (manager) => {
      const count = await affected(
        manager,
        `update public.integrations set phase = 'idle', in_doubt_since = $3, lease_owner = null, lease_until = null
         where id = $1 and epoch = $2`,
        [id, epoch, inDoubtSince],
      );
      if (count === 1) await noticeDue(manager, { kind: 'refresh', id, orgId, provider: integration.provider, epoch });
    });
  }

  private async settleOnce(fence: Fence, change: Change, actor: Actor): Promise<Settlement> {
    return this.settling.withOrg(fence.orgId, async (manager) => {
      const head = await lockHead(manager, fence.integrationId);
      const restored = head && fence.dataKey ? await putBackDataKey(manager, fence.dataKey, actor) : [];
      const settlement = await settled(manager, fence, head, change, actor);
      await appendEvents(manager, restored);
      return settlement;
    });
  }
}

function whyNot(head: ClaimHead): NoLease | undefined {
  const { epoch, status, next_refresh_at: dueAt, lease_until: leaseUntil, at } = head;
  if (!isDue({ status, nextRefreshAt: dueAt }, at))
    return { reason: 'not_due', dueInMs: status === 'reauth_required' ? null : until(dueAt, at), epoch };
  if (leaseUntil && leaseUntil > at) return { reason: 'busy', dueInMs: until(leaseUntil, at), epoch };
  return undefined;
}

/**
 * Something was sent and never settled. Whether its sender still holds the answer nobody can know; but after an outage
 * that kept it from committing, it gets the time to do so.
 */
function whyAwaited(
  { phase, up_ms: upMs, epoch }: ClaimHead,
  patience: number,
  answeringForMs: number,
): NoLease | undefined {
  const waitMs = patience - Math.min(upMs, answeringForMs);
  return phase === 'sending' && waitMs > 0 ? { reason: 'awaited', dueInMs: waitMs, epoch } : undefined;
}

function until(time: Date | null, now: Date): number | null {
  return time === null ? null : time.getTime() - now.getTime();
}

async function lockHead(manager: EntityManager, id: IntegrationId): Promise<ClaimHead | undefined> {
  const [head] = await manager.query<ClaimHead[]>(
    `select epoch, status, failed_refreshes, phase, next_refresh_at, expires_at, issued_at, scope, in_doubt_since, lease_until, clock_timestamp() as at,
       extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 * 1000 as up_ms
     from public.integrations where id = $1 for update`,
    [id],
  );
  return head;
}

/** Writes a change, or keeps what comes too late for its epoch, with the events. */
async function settled(
  manager: EntityManager,
  fence: Fence,
  head: ClaimHead | undefined,
  change: Change,
  actor: Actor,
): Promise<Settlement> {
  if (head?.epoch !== fence.epoch) return keepLate(manager, fence, head, change.patch.grant, actor);
  if (!change.patch.grant && (await newestLateGrant(manager, fence.integrationId)) !== null)
    return lookAtLateGrantFirst(manager, fence, head, actor);
  const set = patchAssignments(change.patch, 2);
  const count = await affected(
    manager,
    `update public.integrations set ${set.sql.join(', ')}, phase = 'idle', lease_owner = null, lease_until = null,
       settled_epoch = epoch, settled_at = clock_timestamp()
     where id = $1 and settled_epoch < epoch`,
    [fence.integrationId, ...set.values],
  );
  const row = await manager.findOneOrFail(IntegrationEntity, { where: { id: fence.integrationId } });
  const before = replacedOf(head);
  if (count !== 1) return { kind: 'saved', integration: toIntegration(row), before }; // by this same attempt, whose first word of it was lost
  const { grant } = change.patch;
  if (grant) await dropSuperseded(manager, fence.integrationId, grant);
  const rescoped = grant ? rescopedEvents(head.scope, grant) : [];
  const { provider } = fence.integration;
  await appendEvents(
    manager,
    [...change.events, ...rescoped].map((event) => ({
      ...event,
      ...(event.name === 'refresh.succeeded' && { detail: { ...event.detail, epoch: fence.epoch } }),
      provider,
      integrationId: fence.integrationId,
      actor,
    })),
  );
  return { kind: 'saved', integration: toIntegration(row), before };
}

function replacedOf({ status, expires_at: expiresAt, failed_refreshes: failedRefreshes, at }: ClaimHead): Replaced {
  return { status, expiresAt, failedRefreshes, at };
}

async function isOlder(manager: EntityManager, id: IntegrationId, grant: SealedGrant): Promise<boolean> {
  const rows: unknown[] = await manager.query(
    'select 1 from public.integrations where id = $1 and greatest(issued_at, connected_at) < $2',
    [id, grant.issuedAt],
  );
  return rows.length === 1;
}

async function loadWithTokens(manager: EntityManager, id: IntegrationId): Promise<IntegrationEntity> {
  return manager
    .createQueryBuilder(IntegrationEntity, 'integration')
    .addSelect(['integration.accessToken', 'integration.refreshToken'])
    .where('integration.id = :id', { id })
    .getOneOrFail();
}

/**
 * The newest grant of the inbox that may replace the row's: asked for after it, and of a claim after the org connected last.
 * What a journal brings back has the row's own epoch, so that its time is held against the connect's as well.
 */
async function newestLateGrant(manager: EntityManager, id: IntegrationId): Promise<SealedGrant | null> {
  const row = await manager
    .createQueryBuilder(LateGrantEntity, 'late')
    .addSelect(['late.accessToken', 'late.refreshToken'])
    .innerJoin(IntegrationEntity, 'integration', 'integration.id = late.integrationId')
    .where('late.integrationId = :id', { id })
    .andWhere('late.epoch >= integration.connectedEpoch')
    .andWhere('late.issuedAt > greatest(integration.issuedAt, integration.connectedAt)')
    .orderBy('late.issuedAt', 'DESC')
    .limit(1)
    .getOne();
  if (!row) return null;
  return {
    accessToken: row.accessToken as Sealed,
    refreshToken: (row.refreshToken as Sealed | null) ?? undefined,
    issuedAt: row.issuedAt,
    expiresAt: row.expiresAt,
    refreshExpiresAt: row.refreshExpiresAt,
    scope: row.scope ?? undefined,
  };
}

/** A stored grant outlives those that were asked for before it. */
async function dropSuperseded(manager: EntityManager, id: IntegrationId, grant: SealedGrant): Promise<void> {
  await manager.query('delete from public.token_inbox where integration_id = $1 and issued_at <= $2', [
    id,
    grant.issuedAt,
  ]);
}

/** Nothing else is written: the next claim finds the late grant, and it is due at once. */
async function lookAtLateGrantFirst(
  manager: EntityManager,
  fence: Fence,
  head: ClaimHead,
  actor: Actor,
): Promise<Settlement> {
  const { patch, events } = afterLateGrant({ status: head.status }, head.at);
  const set = patchAssignments(patch, 2);
  await manager.query(
    `update public.integrations set ${set.sql.join(', ')}, phase = 'idle', lease_owner = null, lease_until = null where id = $1`,
    [fence.integrationId, ...set.values],
  );
  const place = { provider: fence.integration.provider, integrationId: fence.integrationId, actor };
  await appendEvents(
    manager,
    events.map((event) => ({ ...event, ...place })),
  );
  return { kind: 'late_grant_waits', epoch: fence.epoch };
}

/**
 * The epoch has passed: the org disconnected (the grant goes back to its provider), or somebody else refreshed or
 * connected (it is kept for them to look at). Of an org that is forgotten nothing is kept: no key opens it any more.
 */
async function keepLate(
  manager: EntityManager,
  fence: Fence,
  head: ClaimHead | undefined,
  grant: SealedGrant | undefined,
  actor: Actor,
): Promise<Settlement> {
  const { provider } = fence.integration;
  const isStored = head?.issued_at.getTime() === grant?.issuedAt.getTime(); // the first word of its commit was lost
  if (!grant || isStored) return head ? { kind: 'late', epoch: head.epoch } : { kind: 'gone' };
  const { epoch } = fence;
  const events = head
    ? await putIntoInbox(manager, fence, head, grant, { kept: 'inbox', epoch })
    : await giveBackUnlessErased(manager, fence, grant);
  const place = { provider, integrationId: fence.integrationId, actor };
  await appendEvents(
    manager,
    events.map((event) => ({ ...event, ...place })),
  );
  return head ? { kind: 'late', epoch: head.epoch } : { kind: 'gone' };
}

/**
 * The row is gone: the grant goes back to its provider, unless nothing is kept of its org. It is done once, however often
 * the answer is brought: the outbox forgets what has gone back, so that the trail tells whether it was.
 *
 * @returns what is to be told; nothing of a copy
 */
async function giveBackUnlessErased(
  manager: EntityManager,
  fence: Fence,
  grant: SealedGrant,
): Promise<readonly EventDraft[]> {
  const answer = { epoch: fence.epoch, askedAt: grant.issuedAt.toISOString() };
  if (await isTold(manager, fence, answer)) return [];
  const isErased = await isOrgErased(manager);
  if (!isErased) await giveBack(manager, fence, grant);
  const detail = isErased ? { kept: 'nothing', ...answer, why: 'org_forgotten' } : { kept: 'revocation', ...answer };
  return [{ name: 'refresh.in_doubt', detail }];
}

/** Whether the trail tells of an answer to a row that is gone. Whoever brings it at the same time waits until this is committed. */
async function isTold(
  manager: EntityManager,
  { integrationId, integration }: Fence,
  answer: { readonly epoch: number; readonly askedAt: string },
): Promise<boolean> {
  await manager.query('select pg_advisory_xact_lock($1, hashtext($2))', [LATE_ANSWERS, integrationId]);
  const { told } = await selectOne<{ told: boolean }>(
    manager,
    `select exists (select from (
       select name, integration_id, detail from public.audit_events where provider = $1 order by seq desc limit $2) latest
     where name = 'refresh.in_doubt' and integration_id = $3 and detail @> $4) as told`,
    [integration.provider, TOLD_LATELY, integrationId, JSON.stringify(answer)],
  );
  return told;
}

/**
 * Keeps a grant once, however often it is brought: whoever commits it may not hear that it is done.
 *
 * @param detail what the trail tells of it
 * @returns what is to be told: that it is there, and that a verdict which has fallen without it is lifted; nothing of a copy
 */
async function putIntoInbox(
  manager: EntityManager,
  fence: Fence,
  head: ClaimHead,
  grant: SealedGrant,
  detail: EventDraft['detail'],
): Promise<readonly EventDraft[]> {
  const kept: unknown[] = await manager.query(
    `insert into public.token_inbox (org_id, provider, integration_id, epoch, access_token, refresh_token, scope, issued_at, expires_at, refresh_expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (org_id, integration_id, epoch, issued_at) do nothing returning id`,
    [
      fence.orgId,
      fence.integration.provider,
      fence.integrationId,
      fence.epoch,
      grant.accessToken,
      grant.refreshToken ?? null,
      grant.scope ?? null,
      grant.issuedAt,
      grant.expiresAt,
      grant.refreshExpiresAt,
    ],
  );
  if (kept.length === 0) return [];
  const inDoubt: EventDraft = { name: 'refresh.in_doubt', detail };
  const isBusy = head.lease_until !== null && head.lease_until > head.at;
  // whoever is at it looks into the inbox before anything but a grant is written; theirs is the newer one
  if (isBusy || (await newestLateGrant(manager, fence.integrationId)) === null) return [inDoubt];
  const { patch, events } = afterLateGrant({ status: head.status }, head.at);
  const set = patchAssignments(patch, 2);
  await manager.query(`update public.integrations set ${set.sql.join(', ')} where id = $1`, [
    fence.integrationId,
    ...set.values,
  ]);
  return [inDoubt, ...events];
}

async function isOrgErased(manager: EntityManager): Promise<boolean> {
  const { isErased } = await selectOne<{ isErased: boolean }>(
    manager,
    'select exists (select from public.forgotten_orgs where forgotten_at is not null) as "isErased"',
  );
  return isErased;
}

async function giveBack(manager: EntityManager, fence: Fence, grant: SealedGrant): Promise<void> {
  await enqueueRevocation(manager, {
    orgId: fence.orgId,
    provider: fence.integration.provider,
    integrationId: fence.integrationId,
    accountId: fence.integration.account?.id ?? null,
    inputs: fence.integration.inputs,
    accessToken: grant.accessToken,
    refreshToken: grant.refreshToken ?? null,
    reason: 'late_grant',
  });
}
