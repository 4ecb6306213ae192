import { randomUUID } from 'node:crypto';
import { HubDatabase, type Lease, type NoLease, RefreshLeaseRepository, type Settlement } from '@hub/database';
import { type Change, type Integration, type IntegrationId, type OrgId } from '@hub/domain';
import { JobProducer, type Work } from '@hub/queues';
import { failSpan, inSpan } from '@hub/telemetry';
import { SingleFlight } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import type { SpooledAnswer } from '../spool/spooled-answer';
import { BreakerService } from '../breaker/breaker.service';
import { AnswerKeeper, WORKER, type Kept } from './answer-keeper.service';
import { CredentialService } from './credential.service';
import { HeldLease } from './held-lease';
import { afterAnswer, type RefreshAnswer } from './refresh-answer';
import { countClaim, countSettled } from './refresh-metrics';
import { TokenEndpointService } from './token-endpoint.service';

/**
 * What came of a wish to refresh: how the attempt was settled (`throttled`: written down as failed, and the provider asks
 * all for patience); or why there was none (`put_off`: the breaker before the provider stands open, or grants that the
 * database has forgotten are being put back; `awaited`: somebody may hold the answer already). `not_due` tells when it
 * is, if the row is still the one that was rung for.
 */
export type RefreshOutcome =
  | { readonly kind: Kept['kind'] | 'gone' | 'busy' | 'not_asked' | 'put_off' | 'draining' }
  | { readonly kind: 'throttled' | 'awaited'; readonly forMs: number }
  | { readonly kind: 'not_due'; readonly dueInMs: number | null };

/** Answers that are no provider's, be it that none was asked. */
const UNASKED: ReadonlySet<RefreshAnswer['kind']> = new Set(['not_asked', 'unopened', 'failed_here', 'key_away']);

/** Workers that see a database set back at the same moment have put back what they know after so long. */
const PEERS_MS = 10_000;

/** Keeps one credential fresh at a time: the only writer of refreshed tokens. */
@Injectable()
export class RefreshService {
  private readonly attempts = new SingleFlight<RefreshOutcome>();
  private readonly owner = `refresh-worker ${process.pid} ${randomUUID()}`;
  private isDraining = false;
  private isRecalling = false;
  /** As many outages are known to have cost the database nothing that the journal has. */
  private recalledAfter = 0;
  private recalling: Promise<void> | undefined;

  constructor(
    private readonly database: HubDatabase,
    private readonly leases: RefreshLeaseRepository,
    private readonly credentials: CredentialService,
    private readonly tokenEndpoint: TokenEndpointService,
    private readonly answers: AnswerKeeper,
    private readonly breakers: BreakerService,
    private readonly jobs: JobProducer,
  ) {}

  /** Commits what an earlier process could not. */
  async takeUp(): Promise<void> {
    await this.answers.takeUp((answer, settlement) => this.afterLateCommit(answer, settlement));
    await this.recallForgotten();
  }

  /**
   * Puts back what a database that was set back has forgotten. Meanwhile, and for a while after, nobody is asked here: the
   * newest grant of a row may lie in another worker's journal, and the row's own is spent.
   */
  async recallForgotten(): Promise<void> {
    if (this.isRecalling || !(await this.answers.isSetBack())) return;
    this.isRecalling = true;
    try {
      const forgotten = await this.answers.putBack();
      setTimeout(() => void this.resume(forgotten), PEERS_MS).unref();
    } catch (error) {
      this.isRecalling = false;
      throw error;
    }
  }

  /** A standby that was promoted within seconds may have forgotten what nobody has looked for yet: before anything is presented. */
  private async recallAfterOutage(): Promise<void> {
    const outages = this.database.troubles;
    if (outages === this.recalledAfter) return;
    this.recalling ??= this.recallForgotten()
      .then(() => void (this.recalledAfter = outages))
      .finally(() => (this.recalling = undefined));
    await this.recalling;
  }

  private async resume(forgotten: readonly Work[]): Promise<void> {
    this.isRecalling = false;
    for (const work of forgotten) if (!this.isDraining) await this.jobs.ring('refresh', work);
  }

  /** Refreshes an integration if the row says that it is due, and nobody is at it. */
  async refresh(work: Work): Promise<RefreshOutcome> {
    // nobody waits beside an attempt that runs here: their jobs would be held by this process, and die with it
    if (this.attempts.has(work.id)) return { kind: 'busy' };
    return this.attempts.once(work.id, () => this.attempt(work));
  }

  /**
   * Asks for nothing new, and comes back once what was asked is saved.
   *
   * @param tryOnMs for how long PostgreSQL is waited for if it is away; what it has not taken by then stays in the spool
   */
  async drain(tryOnMs?: number): Promise<void> {
    this.isDraining = true;
    this.tokenEndpoint.drain();
    await this.attempts.idle();
    await this.answers.stop(tryOnMs);
  }

  private async attempt(work: Work): Promise<RefreshOutcome> {
    if (this.isDraining) return { kind: 'draining' };
    await this.recallAfterOutage();
    if (this.isRecalling) return { kind: 'put_off' };
    if (this.answers.holds(work.id)) return { kind: 'parked' };
    const permission = await this.breakers.mayAsk(work.provider);
    const graceMs = this.credentials.graceMs(work.provider);
    const [orgId, id] = [work.orgId as OrgId, work.id as IntegrationId];
    // for a grant that lies in the inbox nobody is asked: it is stored behind an open breaker too
    const onlyLateGrant = permission === 'put_off';
    const lease = await inSpan('token.claim', {}, () =>
      this.leases.claim(orgId, id, this.owner, graceMs, this.recalledAfter, onlyLateGrant),
    );
    countClaim(work.provider, lease);
    if (!isLease(lease)) {
      if (permission === 'probe') await this.breakers.returnProbe(work.provider);
      return whyNot(lease, work);
    }
    const held = new HeldLease(lease);
    const heard = await this.credentials.ask(held);
    const wasAsked = lease.lateGrant === null && !UNASKED.has(heard.kind);
    if (permission === 'probe' && !wasAsked) await this.breakers.returnProbe(work.provider);
    if (heard.kind === 'not_asked') return heard;
    if (heard.kind === 'granted') return this.keep(held, heard);
    const answer = await this.breakers.believe(work.provider, heard, lease.refusalHeldAt);
    if (heard.kind !== 'works') failSpan('failure' in heard ? heard.failure.code : heard.kind);
    const now = held.now();
    const change = afterAnswer(lease.integration, answer, now, permission === 'probe');
    const settlement = await inSpan('token.commit', {}, () => this.leases.settle(held.lease, change, WORKER));
    countSettled(work.provider, settlement);
    await this.breakers.note(lease.integration, heard);
    await this.ringFor(held.lease, settlement, change, now);
    return isThrottle(heard) ? { kind: 'throttled', forMs: heard.failure.retryAfterMs ?? 0 } : settlement;
  }

  private async keep(held: HeldLease, answer: Extract<RefreshAnswer, { kind: 'granted' }>): Promise<RefreshOutcome> {
    const { orgId, integrationId, epoch, integration } = held.lease;
    const spooled: SpooledAnswer = {
      orgId,
      integrationId,
      provider: integration.provider,
      accountId: integration.account?.id ?? null,
      inputs: integration.inputs,
      epoch,
      claimedStatus: integration.status,
      grant: answer.grant,
      dataKey: answer.dataKey,
      answeredAt: held.now(),
      doubt: answer.doubt,
    };
    const kept = await inSpan('token.commit', {}, () => this.answers.keep(spooled));
    // only now: nothing may stand between an answer and its commit
    if (!held.lease.lateGrant) await this.breakers.note(integration, answer);
    if (kept.kind !== 'parked') await this.afterCommit(spooled, kept, held.now());
    return kept;
  }

  private async afterLateCommit(answer: SpooledAnswer, settlement: Settlement): Promise<void> {
    // how long it waited is not known to the millisecond: the overdue watch keeps the precise time
    await this.afterCommit(answer, settlement, new Date());
  }

  private async afterCommit(answer: SpooledAnswer, settlement: Settlement, now: Date): Promise<void> {
    countSettled(answer.provider, settlement);
    const next = settlement.kind === 'saved' ? settlement.integration.nextRefreshAt : null;
    await this.ringFor({ ...answer, integration: answer }, settlement, { next }, now);
  }

  /** Rings for what is to be done next: the next refresh at its hour, a late grant at once, a sync that a check asks for. */
  private async ringFor(
    {
      orgId,
      integrationId,
      integration,
    }: Pick<Lease, 'orgId' | 'integrationId'> & { integration: Pick<Integration, 'provider'> },
    settlement: Settlement,
    { next, patch }: Pick<Change, 'next'> & Partial<Pick<Change, 'patch'>>,
    now: Date,
  ): Promise<void> {
    const work = { id: integrationId, orgId, provider: integration.provider };
    if (settlement.kind === 'late' || settlement.kind === 'late_grant_waits')
      await this.jobs.ring('refresh', { ...work, epoch: settlement.epoch });
    if (settlement.kind !== 'saved') return;
    const { epoch } = settlement.integration;
    if (next) await this.jobs.schedule('refresh', { ...work, epoch }, next.getTime() - now.getTime());
    if (patch?.nextSyncAt) await this.jobs.ring('sync', { ...work, epoch });
  }
}

function isThrottle(answer: RefreshAnswer): answer is Extract<RefreshAnswer, { kind: 'refused' }> {
  return answer.kind === 'refused' && answer.failure.code === 'rate_limited';
}

function isLease(claim: Lease | NoLease): claim is Lease {
  return 'owner' in claim;
}

function whyNot({ reason, dueInMs, epoch }: NoLease, work: Work): RefreshOutcome {
  if (reason === 'awaited') return { kind: reason, forMs: dueInMs ?? 0 };
  if (reason === 'no_late_grant') return { kind: 'put_off' };
  if (reason !== 'not_due') return { kind: reason };
  return { kind: 'not_due', dueInMs: epoch === work.epoch ? dueInMs : null };
}
