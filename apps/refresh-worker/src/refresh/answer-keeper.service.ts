import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseBusy, HubDatabase, RefreshLeaseRepository, type Settlement, type StoredOnce } from '@hub/database';
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
/** A commit that has not come back by then may not for long: the disk gets the answer, too. */
const SPOOL_AFTER_MS = 250;
/** Others leave what was sent to us for a few seconds after an outage (RefreshLeaseRepository.claim): it is committed before. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_000;
/**
 * At its end a worker still tries for so long, since a PostgreSQL that restarts is back within seconds. With the call that may
 * be under way before (15 s) and a last commit (5 s) it stays within what a worker has for its end (libs/worker).
 */
const TRY_ON_MS = 20_000;
/** As many as there are connections to settle by. */
const COMMITS_AT_ONCE = 4;
/** Why an answer still waits is told again after so long. */
const TOLD_FOR_MS = 60_000;
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
  /** Reasons why answers wait, and when each was told last, by `performance.now()`. */
  private readonly toldMs = new Map<string, number>();
  private committing: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly database: HubDatabase,
    private readonly leases: RefreshLeaseRepository,
    private readonly spool: SpoolRepository,
    private readonly journal: JournalRepository,
    private readonly logger: HubLogger,
  ) {}

  /** Commits an answer, or parks it. Should the commit take its time, the answer is on the disk meanwhile. */
  async keep(answer: SpooledAnswer): Promise<Kept> {
    let written: Promise<void> | undefined;
    const late = setTimeout(() => {
      written = this.spool.write(answer);
    }, SPOOL_AFTER_MS);
    try {
      const settlement = await this.commit(answer, null);
      if (written) await this.spool.remove(answer);
      return settlement;
    } catch (error) {
      this.logger.failure('hub.refresh.commit_failed', error, idsOf(answer));
    } finally {
      clearTimeout(late);
    }
    written ??= this.spool.write(answer);
    this.park(answer);
    await written;
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
   * @throws what an outage of PostgreSQL causes, or DatabaseBusy: it is to be done again, from the beginning
   */
  async putBack(): Promise<Work[]> {
    const answers = await this.journal.newest();
    this.logger.warning('hub.database.set_back', { answers: answers.length });
    const forgotten: Work[] = [];
    const troublesBefore = this.database.troubles;
    for (let start = 0; start < answers.length; start += PUT_BACK_AT_ONCE)
      await Promise.all(
        answers.slice(start, start + PUT_BACK_AT_ONCE).map(async (answer) => {
          const epoch = await this.recalled(answer, troublesBefore);
          const { integrationId: id, orgId, provider } = answer;
          if (epoch !== undefined) forgotten.push({ id, orgId, provider, epoch });
        }),
      );
    this.logger.warning('hub.database.put_back', { answers: answers.length, forgotten: forgotten.length });
    return forgotten;
  }

  /** What cannot be put back, such as that of an org which is being forgotten, is told, and holds up nobody else. */
  private async recalled(answer: SpooledAnswer, troublesBefore: number): Promise<number | undefined> {
    try {
      return await this.leases.recall(storedOnce(answer), WORKER);
    } catch (error) {
      if (this.database.wasAwaySince(troublesBefore) || error instanceof DatabaseBusy) throw error;
      this.logger.failure('hub.database.not_put_back', error, idsOf(answer));
      return undefined;
    }
  }

  /** True while an answer for this integration waits for its commit: then its provider must not be asked. */
  holds(integrationId: string): boolean {
    return [...this.parked.values()].some((answer) => answer.integrationId === integrationId);
  }

  /**
   * Tries on for a while, then no more. What is parked by then stays in its files, sealed, for the next process.
   *
   * @param tryOnMs for how long, in milliseconds
   */
  async stop(tryOnMs = TRY_ON_MS): Promise<void> {
    const giveUp = setTimeout(() => (this.isStopped = true), tryOnMs);
    await this.committing;
    clearTimeout(giveUp);
    this.isStopped = true;
    if (this.parked.size > 0) this.logger.warning('hub.refresh.left_in_spool', { waiting: this.parked.size });
    await this.journal.written();
  }

  private onCommitted: (answer: SpooledAnswer, settlement: Settlement) => Promise<void> = () => Promise.resolve();

  private park(answer: SpooledAnswer): void {
    this.parked.set(answerName(answer), answer);
    this.committing ??= this.commitParked().finally(() => (this.committing = undefined));
  }

  private async commitParked(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; this.parked.size > 0 && !this.isStopped;) {
      const hasProgressed = await this.commitRound();
      pauseMs = hasProgressed ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (this.parked.size > 0) await sleep(pauseMs);
    }
  }

  /**
   * One round over what is parked, a few at once. Each of the few ends with the first commit that fails, so that a database
   * that is away is not asked for every answer; what failed goes to the end of the row, so that it blocks no other.
   */
  private async commitRound(): Promise<boolean> {
    const waiting = [...this.parked.values()];
    let hasProgressed = false;
    const commitSome = async (): Promise<void> => {
      for (let answer = waiting.shift(); answer && !this.isStopped; answer = waiting.shift()) {
        if (!(await this.commitParkedOne(answer))) return;
        hasProgressed = true;
      }
    };
    await Promise.all(Array.from({ length: COMMITS_AT_ONCE }, commitSome));
    return hasProgressed;
  }

  private async commitParkedOne(answer: SpooledAnswer): Promise<boolean> {
    const name = answerName(answer);
    try {
      const settlement = await this.commit(answer, answer.dataKey);
      this.parked.delete(name);
      await this.spool.remove(answer);
      this.logger.info('hub.refresh.committed_late', { ...idsOf(answer), outcome: settlement.kind });
      await this.onCommitted(answer, settlement);
      return true;
    } catch (error) {
      this.parked.delete(name);
      this.parked.set(name, answer); // a commit may be repeated without harm
      this.tellWhyItWaits(error, answer);
      return false;
    }
  }

  /** An outage meets every answer again and again: of each reason there is one record in a while. */
  private tellWhyItWaits(error: unknown, answer: SpooledAnswer): void {
    const nowMs = performance.now();
    for (const [reason, atMs] of this.toldMs) if (nowMs - atMs >= TOLD_FOR_MS) this.toldMs.delete(reason);
    const reason = reasonOf(error);
    if (this.toldMs.has(reason)) return;
    this.toldMs.set(reason, nowMs);
    this.logger.failure('hub.refresh.commit_waits', error, { ...idsOf(answer), waiting: this.parked.size });
  }

  /** @param dataKey what the grant is sealed under, where the database may have been set back since */
  private async commit(answer: SpooledAnswer, dataKey: SpooledAnswer['dataKey']): Promise<Settlement> {
    const { epoch, claimedStatus, answeredAt } = answer;
    const change = afterGranted({ status: claimedStatus }, answer, answeredAt, Math.random());
    const fence = { ...storedOnce(answer), epoch, dataKey };
    const settled = await within(COMMIT_MS, this.leases.settle(fence, change, WORKER), 'the commit took too long');
    if (settled.kind === 'saved') this.journal.note(answer);
    return settled;
  }
}

function storedOnce({ orgId, integrationId, provider, accountId, inputs, grant, dataKey }: SpooledAnswer): StoredOnce {
  const account = accountId === null ? null : { id: accountId, label: accountId };
  return { orgId, integrationId, grant, dataKey, integration: { provider, account, inputs } };
}

function idsOf({ provider, orgId, integrationId, epoch }: SpooledAnswer): Record<string, string | number> {
  return { provider, org: orgId, integration: integrationId, epoch };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error ? String(error.code) : '';
  return `${error.name} ${code || error.message}`;
}
