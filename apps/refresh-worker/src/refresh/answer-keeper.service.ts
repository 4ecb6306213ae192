import { setTimeout as sleep } from 'node:timers/promises';
import { RefreshLeaseRepository, type Settlement, type StoredOnce } from '@hub/database';
import type { Actor } from '@hub/domain';
import type { Work } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { within } from '@hub/worker';
import { Injectable } from '@nestjs/common';
import { JournalRepository } from '../spool/journal.repository';
import { SpoolRepository } from '../spool/spool.repository';
import { answerName, type SpooledAnswer } from '../spool/spooled-answer';
import { afterGranted } from './refresh-answer';

export const WORKER: Actor = { type: 'worker', id: 'refresh-worker' };

/** A commit that takes longer is taken for lost; it may be repeated without harm. */
const COMMIT_MS = 5_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** So many of the latest answers show whether PostgreSQL has forgotten. */
const WITNESSES = 20;
const PUT_BACK_AT_ONCE = 8;

/** What became of a granted answer: settled, or parked since PostgreSQL is away. */
export type Kept = Settlement | { readonly kind: 'parked' };

/**
 * Saves what a provider has granted, before anything else. While PostgreSQL is away an answer stays in memory and in a
 * file, sealed, and its commit is tried until it is done; the provider is not asked again meanwhile.
 */
@Injectable()
export class AnswerKeeper {
  private readonly parked = new Map<string, SpooledAnswer>();
  private committing: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly leases: RefreshLeaseRepository,
    private readonly spool: SpoolRepository,
    private readonly journal: JournalRepository,
    private readonly logger: HubLogger,
  ) {}

  /** Commits an answer, or parks it. */
  async keep(answer: SpooledAnswer): Promise<Kept> {
    try {
      return await this.commit(answer);
    } catch (error) {
      this.logger.failure('hub.refresh.commit_failed', error, idsOf(answer));
    }
    this.park(answer);
    await this.spool.write(answer);
    return { kind: 'parked' };
  }

  /** Takes up what an earlier process left behind. */
  async takeUp(onCommitted: (answer: SpooledAnswer, settlement: Settlement) => Promise<void>): Promise<void> {
    this.onCommitted = onCommitted;
    for (const answer of await this.spool.read()) this.park(answer);
  }

  /** True if PostgreSQL does not know answers that it has committed once: it was set back to an earlier moment. */
  async isSetBack(): Promise<boolean> {
    for (const answer of (await this.journal.latest()).slice(-WITNESSES))
      if (await this.leases.hasForgotten(storedOnce(answer))) return true;
    return false;
  }

  /**
   * Puts every answer that PostgreSQL has forgotten beside its row, where the next claim looks at it.
   *
   * @returns what is to be rung for then
   */
  async putBack(): Promise<Work[]> {
    const answers = await this.journal.newest();
    this.logger.warning('hub.database.set_back', { answers: answers.length });
    const forgotten: Work[] = [];
    for (let start = 0; start < answers.length; start += PUT_BACK_AT_ONCE)
      await Promise.all(
        answers.slice(start, start + PUT_BACK_AT_ONCE).map(async (answer) => {
          const epoch = await this.leases.recall(storedOnce(answer), WORKER);
          const { integrationId: id, orgId, provider } = answer;
          if (epoch !== undefined) forgotten.push({ id, orgId, provider, epoch });
        }),
      );
    this.logger.warning('hub.database.put_back', { answers: answers.length, forgotten: forgotten.length });
    return forgotten;
  }

  /** True while an answer for this integration waits for its commit: then its provider must not be asked. */
  holds(integrationId: string): boolean {
    return [...this.parked.values()].some((answer) => answer.integrationId === integrationId);
  }

  /** Tries no more. What is parked stays in its files. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.committing;
    await this.journal.written();
  }

  private onCommitted: (answer: SpooledAnswer, settlement: Settlement) => Promise<void> = () => Promise.resolve();

  private park(answer: SpooledAnswer): void {
    this.parked.set(answerName(answer), answer);
    this.committing ??= this.commitParked().finally(() => (this.committing = undefined));
  }

  private async commitParked(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; this.parked.size > 0 && !this.isStopped;) {
      const progressed = await this.commitOnce();
      pauseMs = progressed ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (this.parked.size > 0) await sleep(pauseMs);
    }
  }

  /** One round over what is parked; the first that fails ends it and goes to the end of the row, so that none blocks the others. */
  private async commitOnce(): Promise<boolean> {
    for (const [name, answer] of this.parked) {
      try {
        const settlement = await this.commit(answer);
        this.parked.delete(name);
        await this.spool.remove(answer);
        this.logger.info('hub.refresh.committed_late', { ...idsOf(answer), outcome: settlement.kind });
        await this.onCommitted(answer, settlement);
      } catch {
        this.parked.delete(name); // told when it was parked
        this.parked.set(name, answer);
        return false;
      }
    }
    return true;
  }

  private async commit(answer: SpooledAnswer): Promise<Settlement> {
    const { epoch, claimedStatus, answeredAt } = answer;
    const change = afterGranted({ status: claimedStatus }, answer, answeredAt, Math.random());
    const fence = { ...storedOnce(answer), epoch };
    const settled = await within(COMMIT_MS, this.leases.settle(fence, change, WORKER), 'the commit took too long');
    if (settled.kind === 'saved') this.journal.note(answer);
    return settled;
  }
}

function storedOnce({ orgId, integrationId, provider, accountId, inputs, grant }: SpooledAnswer): StoredOnce {
  const account = accountId === null ? null : { id: accountId, label: accountId };
  return { orgId, integrationId, grant, integration: { provider, account, inputs } };
}

function idsOf({ provider, orgId, integrationId, epoch }: SpooledAnswer): Record<string, string | number> {
  return { provider, org: orgId, integration: integrationId, epoch };
}
