import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseBusy, DeliveryRepository, HubDatabase, type DeliveryClaim } from '@hub/database';
import {
  afterDelivery,
  afterDeliveryFailure,
  type Actor,
  type DeliveryChange,
  type IntegrationId,
  type OrgId,
} from '@hub/domain';
import { JobProducer, JOBS, type JobOutcome, type Work } from '@hub/queues';
import { failSpan, HubLogger, inSpan, tellSpan, type LogFields } from '@hub/telemetry';
import { KeyUnavailable } from '@hub/token-vault';
import { SingleFlight } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { PaceService } from '../pace/pace.service';
import { VerdictsService } from '../verdicts/verdicts.service';
import { countThrottle, outcomeOf, recordTry } from './delivery-metrics';
import { HookClient, type ReadyDelivery, type SendOutcome } from './hook.client';
import { SlowReceivers } from './slow-receivers';

const WORKER: Actor = { type: 'worker', id: 'delivery-worker' };

/** A wait for its turn, a send with its deadline and a commit; whoever dies in it is made up for after it. */
const LEASE_MS = 30_000;
/** Sends to one receiver that are under way together, over all workers. */
const AT_ONCE = 2;
/** One receiver is sent to in one go for so long; then the others of the queue have their turn. */
const TURN_MS = 5_000;
/** Half of the places are kept free of receivers that were slow. */
const SLOW_PLACES = JOBS.delivery.concurrency / 2;
/** All places for slow receivers are taken: each of them is held for ten seconds at most. */
const AMONG_SLOW_MS = 5_000;
/** While the key provider is away a delivery waits, on whatever rung it stands. */
const KEYS_AWAY_MS = 30_000;
/** A receiver that asks for patience and does not say for how long. */
const THROTTLED_MS = 30_000;
const LONGEST_HOLD_MS = 10 * 60_000;
/** What came of a send is written again while PostgreSQL is away: at once, then with pauses up to this, for as long as the claim has. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** Of the lease, so that the last try is over with it. */
const WRITE_WITHIN_MS = LEASE_MS - 5_000;

/** What became of one delivery: the receiver is ready for the next one, or this job is at its end. */
type Step =
  | { readonly kind: 'go_on'; readonly integrationId: IntegrationId }
  | { readonly kind: 'end'; readonly outcome: JobOutcome };

/** A send that has left, or could not be made ready: it is written down. */
type SettledSend = Exclude<SendOutcome, { kind: 'not_sent' }>;

interface WrittenSend {
  /** As it is believed. */
  readonly outcome: SettledSend;
  /** `undefined`: the claim was over, or it was written already. */
  readonly change: DeliveryChange | undefined;
  readonly writtenAt: Date;
}

const DONE: Step = { kind: 'end', outcome: 'done' };

/** Sends what is due to the webhooks of orgs, and writes down what came of it. */
@Injectable()
export class DeliveryService {
  private readonly jobsUnderWay = new SingleFlight<JobOutcome>();
  private readonly slow = new SlowReceivers(SLOW_PLACES);
  private isDraining = false;

  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly hooks: HookClient,
    private readonly pace: PaceService,
    private readonly verdicts: VerdictsService,
    private readonly database: HubDatabase,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** Sends a delivery if its row says that it is due, and then what else is due for the same receiver. */
  deliver(work: Work): Promise<JobOutcome> {
    return this.jobsUnderWay.once(work.id, () => this.deliverAll(work));
  }

  /** Comes back once what is under way has ended; nothing else is begun. */
  async drain(): Promise<void> {
    this.isDraining = true;
    await this.jobsUnderWay.idle();
  }

  /**
   * A delivery that finds enough of its receiver's under way leaves the queue: those that are at it look for the next one
   * when they have ended. So a receiver with thousands of deliveries takes no more places than it has sends.
   */
  private async deliverAll(work: Work): Promise<JobOutcome> {
    const endsMs = performance.now() + TURN_MS;
    for (let current = work; ;) {
      const step = await this.attempt(current);
      if (step.kind === 'end') return step.outcome;
      const next = await this.deliveries.nextDue(work.orgId as OrgId, step.integrationId);
      if (!next || this.isDraining) return 'done';
      current = { ...work, ...next };
      if (performance.now() < endsMs) continue;
      await this.jobs.ring('delivery', current); // a ring that is lost is made up for by the watch
      return 'done';
    }
  }

  private async attempt(work: Work): Promise<Step> {
    const found = await this.deliveries.claim(work.orgId as OrgId, work.id, { leaseMs: LEASE_MS, atOnce: AT_ONCE });
    if (found.kind === 'not_due') return { kind: 'end', outcome: { againInMs: found.inMs } };
    if (found.kind !== 'claimed') return DONE;
    const { claim } = found;
    const claimedMs = performance.now();
    tellSpan({ 'hub.integration.id': claim.integrationId, 'hub.attempt': claim.failedAttempts + 1 });
    const end = this.slow.begin(claim.integrationId);
    // the watch brings it back: those that wait for a slow receiver are no crowd in the queue
    if (!end) return this.release(claim, AMONG_SLOW_MS).then(() => DONE);
    const startedMs = performance.now();
    try {
      return await this.send(work, claim, claimedMs);
    } finally {
      end(performance.now() - startedMs);
    }
  }

  private async send(work: Work, claim: DeliveryClaim, claimedMs: number): Promise<Step> {
    const ready = await this.hooks.prepare(claim).catch((error: unknown) => this.keysAway(claim, error));
    if (ready instanceof KeyUnavailable) return this.putOff(work, claim, KEYS_AWAY_MS);
    if ('kind' in ready) {
      const refused = { kind: 'failed', failure: ready, status: null } as const;
      return this.settle(work, claim, refused, { claimedMs, durationMs: 0 });
    }
    const laterMs = await this.pace.turn(ready.paces);
    if (laterMs !== undefined) return this.putOff(work, claim, laterMs);
    const startedMs = performance.now();
    const outcome = await inSpan('delivery.send', { failureOf }, () => this.hooks.send(ready));
    if (outcome.kind === 'not_sent') return this.putOff(work, claim, 0);
    await this.heed(claim, ready, outcome);
    return this.settle(work, claim, outcome, { claimedMs, durationMs: performance.now() - startedMs });
  }

  /** What else is for a receiver that asks for patience waits as well, and spends no try on it. */
  private async heed(claim: DeliveryClaim, { paces }: ReadyDelivery, outcome: SendOutcome): Promise<void> {
    if (outcome.kind !== 'failed' || outcome.failure.code !== 'rate_limited') return;
    countThrottle(claim.provider);
    const [ofUrl] = paces;
    const forMs = Math.min(outcome.failure.retryAfterMs ?? THROTTLED_MS, LONGEST_HOLD_MS);
    if (ofUrl) await this.pace.hold(ofUrl, forMs);
    this.logger.warning('hub.provider.throttled', { ...idsOf(claim), for_ms: forMs });
  }

  private async settle(
    work: Work,
    claim: DeliveryClaim,
    heard: SettledSend,
    { claimedMs, durationMs }: { claimedMs: number; durationMs: number },
  ): Promise<Step> {
    const { outcome, change, writtenAt } = await this.written(claim, heard, claimedMs);
    const failed = outcome.kind === 'failed' ? outcome.failure : undefined;
    if (failed) failSpan(failed.code);
    this.tell(claim, change, outcome, durationMs);
    if (change) recordTry(claim.provider, outcomeOf(change, failed), writtenAt.getTime() - claim.at.getTime());
    const again = change?.delivery.nextAttemptAt;
    if (again) await this.schedule(work, claim, again.getTime() - writtenAt.getTime());
    if (change?.hook === 'taken') await this.verdicts.taken(claim);
    return { kind: 'go_on', integrationId: claim.integrationId };
  }

  /**
   * Writes what came of a send. While PostgreSQL is away that is tried again: else it is sent once more once the lease is
   * over. What was written without this having heard so is not written twice.
   */
  private async written(claim: DeliveryClaim, heard: SettledSend, claimedMs: number): Promise<WrittenSend> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const troubles = this.database.troubles;
      try {
        return await this.writtenOnce(claim, heard);
      } catch (error) {
        const mayPass = this.database.wasAwaySince(troubles) || error instanceof DatabaseBusy;
        if (!mayPass || performance.now() + pauseMs - claimedMs > WRITE_WITHIN_MS) throw error;
        await sleep(pauseMs);
      }
    }
  }

  private async writtenOnce(claim: DeliveryClaim, heard: SettledSend): Promise<WrittenSend> {
    const outcome =
      heard.kind === 'taken' ? heard : { ...heard, failure: await this.verdicts.believed(claim, heard.failure) };
    let writtenAt = claim.at;
    const change = await this.deliveries.settle(
      claim,
      (situation, at) => {
        writtenAt = at;
        return outcome.kind === 'taken'
          ? afterDelivery(situation, at, outcome.status)
          : afterDeliveryFailure(situation, outcome.failure, at, outcome.status);
      },
      WORKER,
    );
    return { outcome, change, writtenAt };
  }

  /** Gives the delivery back without a try, and this receiver with it. */
  private async putOff(work: Work, claim: DeliveryClaim, inMs: number): Promise<Step> {
    await this.release(claim, inMs);
    await this.schedule(work, claim, inMs);
    return DONE;
  }

  private async release(claim: DeliveryClaim, inMs: number): Promise<void> {
    await this.deliveries.release(claim, inMs);
  }

  /** By the epoch that the row has now, so that the watch knows the job as its own. */
  private async schedule(work: Work, claim: DeliveryClaim, delayMs: number): Promise<void> {
    await this.jobs.schedule('delivery', { ...work, id: claim.id, epoch: claim.epoch }, delayMs);
  }

  private keysAway(claim: DeliveryClaim, error: unknown): KeyUnavailable {
    if (!(error instanceof KeyUnavailable)) throw error;
    this.logger.warning('hub.keys.unavailable', { ...idsOf(claim), ...error.facts });
    return error;
  }

  /** One record for each try. */
  private tell(
    claim: DeliveryClaim,
    change: DeliveryChange | undefined,
    outcome: SettledSend,
    durationMs: number,
  ): void {
    const facts: LogFields = {
      ...idsOf(claim),
      attempt: claim.failedAttempts + 1,
      duration_ms: Math.round(durationMs),
      status: outcome.status,
      saved: change !== undefined,
    };
    if (outcome.kind === 'taken') return this.logger.info('hub.delivery.sent', { ...facts, outcome: 'success' });
    const { kind, code, reason } = outcome.failure;
    const isDead = change?.delivery.state === 'dead';
    this.logger.warning(isDead ? 'hub.delivery.dead' : 'hub.delivery.failed', {
      ...facts,
      outcome: kind,
      'error.type': code,
      reason,
    });
  }
}

/** How spans name what a send failed by. */
function failureOf(outcome: SendOutcome): string | undefined {
  return outcome.kind === 'failed' ? outcome.failure.code : undefined;
}

function idsOf({ provider, orgId, integrationId, id, seq }: DeliveryClaim): LogFields {
  return { provider, org: orgId, integration: integrationId, delivery: id, seq };
}
