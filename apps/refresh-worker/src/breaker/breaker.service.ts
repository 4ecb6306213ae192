import { BreakerRepository, DueRepository, type DueWork, type OpenBreaker, type Registration } from '@hub/database';
import { isMassVerdict, isOutage } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { HubLogger } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import type { RefreshAnswer } from '../refresh/refresh-answer';
import { CallLog } from './call-log';
import { closes, held, isVerdict, reasonOf, wordOf, type HeldAnswer } from './heard-answer';

/** Whether a provider may be asked: yes; as the one probe of an open breaker; not now. */
export type Permission = 'ask' | 'probe' | 'put_off';

/** What other processes have opened or closed is known here so long after. */
const VIEW_MS = 1_000;
const PAGE = 500;

/** Stands before each registration at a provider, and tells its trouble from a dead grant. */
@Injectable()
export class BreakerService {
  private readonly logs = new Map<string, CallLog>();
  private open: readonly OpenBreaker[] = [];
  private seenMs = -Infinity;
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly breakers: BreakerRepository,
    private readonly due: DueRepository,
    private readonly providers: ProviderRegistry,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** Looks after breakers that stand open, so that each is probed at its hour. */
  start(): void {
    this.timer = setInterval(() => void this.tend(), VIEW_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Whether a refresh of this provider may go ahead. Without the database nobody could be asked anyway. */
  async mayAsk(provider: string): Promise<Permission> {
    await this.look();
    const breaker = this.openBefore(provider);
    if (!breaker) return 'ask';
    const isEarly = breaker.probeInMs > performance.now() - this.seenMs;
    return !isEarly && (await this.breakers.takeProbe(breaker)) ? 'probe' : 'put_off';
  }

  /** Hears of a grant, which is saved already: whatever goes wrong here costs nobody anything. */
  async hearGrant(provider: string, answer: Extract<RefreshAnswer, { kind: 'granted' }>): Promise<void> {
    await this.hear(provider, answer).catch((error: unknown) => this.noteUnseen(error));
  }

  /** Hears an answer: opens or closes the breaker by it. @returns the answer to act on: a verdict may be held back */
  async hear<Answer extends RefreshAnswer>(provider: string, answer: Answer): Promise<Answer | HeldAnswer> {
    const registration = this.registration(provider);
    if (!registration) return answer;
    const breaker = this.openBefore(provider);
    if (breaker && closes(breaker.reason, answer)) await this.close(registration);
    else await this.note(registration, answer);
    if (answer.kind !== 'refused' || !isVerdict(answer)) return answer;
    return (await this.isBelieved(registration)) ? answer : held(answer);
  }

  private async note(registration: Registration, answer: RefreshAnswer): Promise<void> {
    const word = wordOf(answer);
    if (word === 'silent') return;
    const log = this.logOf(registration);
    log.note(word === 'sick', performance.now());
    if (word === 'sick' && isOutage(log.tally())) await this.openFor(registration, reasonOf(answer));
  }

  /** So many grants do not die at once by themselves: their verdicts wait until a probe gets through. */
  private async isBelieved(registration: Registration): Promise<boolean> {
    if (this.openBefore(registration.provider)?.reason === 'mass_verdict') return false;
    const { definite, settled } = await this.breakers.recentVerdicts(registration.provider);
    if (!isMassVerdict({ definite: definite + 1, settled: settled + 1 })) return true;
    await this.openFor(registration, 'mass_verdict');
    return false;
  }

  private async openFor(registration: Registration, reason: OpenBreaker['reason']): Promise<void> {
    this.logOf(registration).forget();
    if (await this.breakers.open(registration, reason))
      this.logger.warning('hub.provider.circuit_opened', { provider: registration.provider, reason });
    await this.lookAgain();
  }

  /** Closes a breaker and rings for all who waited behind it, those with the least life left first. */
  private async close(registration: Registration): Promise<void> {
    this.logOf(registration).forget();
    const reopened = await this.breakers.close(registration);
    await this.lookAgain();
    if (reopened === undefined) return;
    this.logger.info('hub.provider.circuit_closed', { provider: registration.provider, tried_again: reopened });
    for (const work of await this.backlog(registration.provider)) await this.jobs.ring('refresh', work);
  }

  private async tend(): Promise<void> {
    try {
      await this.look();
      for (const breaker of this.open.filter(({ probeInMs }) => probeInMs <= VIEW_MS)) {
        const [mostUrgent] = await this.backlog(breaker.provider);
        if (mostUrgent) await this.jobs.ring('refresh', mostUrgent);
      }
    } catch (error) {
      this.noteUnseen(error);
    }
  }

  private noteUnseen(error: unknown): void {
    this.logger.warning('hub.provider.circuit_unseen', { 'error.type': (error as Error).name });
  }

  private async backlog(provider: string): Promise<{ id: string; orgId: string; provider: string; epoch: number }[]> {
    const waiting: DueWork[] = [];
    for await (const page of this.due.duePages('refresh', 0, PAGE))
      waiting.push(...page.filter((work) => work.provider === provider));
    return waiting.sort(byLifeLeft).map(({ id, orgId, epoch }) => ({ id, orgId, provider, epoch }));
  }

  private async look(): Promise<void> {
    if (performance.now() - this.seenMs < VIEW_MS) return;
    await this.lookAgain();
  }

  private lookAgain(): Promise<void> {
    this.looking ??= this.breakers
      .allOpen()
      .then((open) => {
        this.open = open;
        this.seenMs = performance.now();
      })
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  private openBefore(provider: string): OpenBreaker | undefined {
    const registration = this.registration(provider);
    return (
      registration &&
      this.open.find((breaker) => breaker.provider === provider && breaker.clientId === registration.clientId)
    );
  }

  private registration(provider: string): Registration | undefined {
    const clientId = this.providers.find(provider)?.credentials?.clientId;
    return clientId === undefined ? undefined : { provider, clientId };
  }

  private logOf({ provider }: Registration): CallLog {
    const known = this.logs.get(provider);
    if (known) return known;
    const log = new CallLog();
    this.logs.set(provider, log);
    return log;
  }
}

/** Where no end is known there is no hurry. */
function byLifeLeft(one: DueWork, other: DueWork): number {
  return (one.lifeLeftMs ?? Infinity) - (other.lifeLeftMs ?? Infinity);
}
