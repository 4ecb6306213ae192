import { setTimeout as sleep } from 'node:timers/promises';
import { BreakerRepository, DueRepository, type BreakerView, type OpenBreaker, type Registration } from '@hub/database';
import { isConfirmedVerdict, isMassVerdict, isOutage, type Integration } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { JobProducer } from '@hub/queues';
import { HubLogger, observe, type GaugeReading } from '@hub/telemetry';
import { Injectable } from '@nestjs/common';
import type { RefreshAnswer } from '../refresh/refresh-answer';
import { inOrderOfNeed } from './backlog';
import { CallLog } from './call-log';
import { closes, held, isVerdict, reasonOf, wordOf, type HeldAnswer } from './heard-answer';

/** The integration that an answer is about. */
type Asked = Pick<Integration, 'id' | 'provider' | 'inputs'>;

/** Whether a provider may be asked: yes; as the one probe of an open breaker; not now. */
export type Permission = 'ask' | 'probe' | 'put_off';

/** What other processes have opened or closed is known here so long after. */
const VIEW_MS = 1_000;
const PAGE = 500;
const RINGS_AT_ONCE = 100;

/** Stands before each registration at a provider, and tells its trouble from a dead grant. */
@Injectable()
export class BreakerService {
  private readonly logs = new Map<string, CallLog>();
  private view: BreakerView = { open: [], closed: [] };
  private seenMs = -Infinity;
  private looking: Promise<void> | undefined;
  private tending: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;
  private endGauge: (() => void) | undefined;

  constructor(
    private readonly breakers: BreakerRepository,
    private readonly due: DueRepository,
    private readonly providers: ProviderRegistry,
    private readonly jobs: JobProducer,
    private readonly logger: HubLogger,
  ) {}

  /** Looks after breakers that stand open, so that each is probed at its hour. */
  start(): void {
    this.endGauge = observe('circuitState', () => this.states());
    this.timer = setInterval(() => {
      this.tending ??= this.tend().finally(() => (this.tending = undefined));
    }, VIEW_MS);
  }

  stop(): void {
    this.isStopped = true;
    this.endGauge?.();
    clearInterval(this.timer);
  }

  /** As this process has seen them last; before the first look there is nothing to tell. */
  private states(): GaugeReading<'circuitState'>[] {
    if (this.seenMs === -Infinity) return [];
    return this.providers.all().flatMap(({ definition: { id } }) => {
      const isOpen = this.openBefore(id) !== undefined;
      return [
        { value: Number(isOpen), attributes: { 'hub.provider': id, 'hub.state': 'open' } },
        { value: Number(!isOpen), attributes: { 'hub.provider': id, 'hub.state': 'closed' } },
      ] as const;
    });
  }

  /** Whether a refresh of this provider may go ahead. Without the database nobody could be asked anyway. */
  async mayAsk(provider: string): Promise<Permission> {
    await this.look();
    const breaker = this.openBefore(provider);
    if (!breaker) return 'ask';
    const isEarly = breaker.probeInMs > performance.now() - this.seenMs;
    return !isEarly && (await this.breakers.takeProbe(breaker)) ? 'probe' : 'put_off';
  }

  /** Nobody was asked with the right to probe: somebody else may have it. */
  async returnProbe(provider: string): Promise<void> {
    const registration = this.registration(provider);
    if (registration) await this.breakers.returnProbe(registration);
  }

  /**
   * Whether an answer may cost its org the connection. So many grants do not die at once by themselves: then a verdict
   * waits until a probe gets through, and the grant is asked for once more.
   *
   * @param refusalHeldAt when a refusal of this grant was not believed before
   * @returns the answer to act on
   */
  async believe<Answer extends RefreshAnswer>(
    provider: string,
    answer: Answer,
    refusalHeldAt: Date | null,
  ): Promise<Answer | HeldAnswer> {
    const registration = this.registration(provider);
    if (!registration || answer.kind !== 'refused' || !isVerdict(answer)) return answer;
    return (await this.isBelieved(registration, refusalHeldAt)) ? answer : held(answer);
  }

  /** Opens or closes the breaker by an answer that is settled already: whatever goes wrong here costs nobody anything. */
  async note(integration: Asked, answer: RefreshAnswer): Promise<void> {
    const registration = this.registration(integration.provider);
    if (!registration) return;
    await this.noteFor(registration, integration, answer).catch((error: unknown) => this.noteUnseen(error));
  }

  private async noteFor(registration: Registration, { id, inputs }: Asked, answer: RefreshAnswer): Promise<void> {
    const { provider } = registration;
    const breaker = this.openBefore(provider);
    if (breaker && closes(breaker.reason, answer)) return this.close(registration);
    const word = wordOf(answer);
    if (word === 'silent') return;
    const log = this.logOf(registration);
    const host = this.providers.find(provider)?.tenantHost(inputs) ?? null;
    log.note({ integrationId: id, host, isFailure: word === 'sick' }, performance.now());
    if (word === 'sick' && isOutage(log.tally())) await this.openFor(registration, reasonOf(answer));
  }

  private async isBelieved(registration: Registration, refusalHeldAt: Date | null): Promise<boolean> {
    if (this.openBefore(registration.provider)?.reason === 'mass_verdict') return false;
    const closedAt = this.view.closed.find((one) => isFor(one, registration))?.closedAt ?? null;
    if (isConfirmedVerdict(refusalHeldAt, closedAt)) return true;
    const { definite, settled, accounts } = await this.breakers.recentVerdicts(registration.provider);
    if (!isMassVerdict({ definite: definite + 1, settled: settled + 1, accounts })) return true;
    await this.openFor(registration, 'mass_verdict');
    return false;
  }

  private async openFor(registration: Registration, reason: OpenBreaker['reason']): Promise<void> {
    this.logOf(registration).forget();
    if (await this.breakers.open(registration, reason))
      this.logger.warning('hub.provider.circuit_opened', { provider: registration.provider, reason });
    await this.lookAgain();
  }

  /** Closes a breaker; all who waited behind it are rung for, without anybody waiting for that. */
  private async close(registration: Registration): Promise<void> {
    this.logOf(registration).forget();
    const { provider } = registration;
    const reopened = await this.breakers.close(registration);
    await this.lookAgain();
    if (reopened === undefined) return;
    this.logger.info('hub.provider.circuit_closed', { provider, tried_again: reopened });
    void this.ringBacklog(provider).catch((error: unknown) => this.noteUnseen(error));
  }

  private async ringBacklog(provider: string): Promise<void> {
    await sleep(VIEW_MS, undefined, { ref: false }); // by then every process knows that it is closed
    const backlog = [];
    for await (const page of this.due.duePages('refresh', 0, PAGE))
      backlog.push(...page.filter((work) => work.provider === provider));
    const inOrder = inOrderOfNeed(backlog);
    for (let start = 0; start < inOrder.length && !this.isStopped; start += RINGS_AT_ONCE) {
      const batch = inOrder.slice(start, start + RINGS_AT_ONCE);
      await this.jobs.ringAll(
        'refresh',
        provider,
        batch.map(({ id, orgId, epoch }) => ({ id, orgId, provider, epoch })),
      );
    }
  }

  private async tend(): Promise<void> {
    try {
      await this.look();
      for (const breaker of this.view.open) {
        const registration = this.registration(breaker.provider);
        if (!registration || !isFor(breaker, registration) || breaker.probeInMs > VIEW_MS) continue;
        const candidate = await this.breakers.probeCandidate(breaker);
        if (candidate) await this.jobs.ring('refresh', candidate);
      }
    } catch (error) {
      this.noteUnseen(error);
    }
  }

  private noteUnseen(error: unknown): void {
    this.logger.warning('hub.provider.circuit_unseen', { 'error.type': (error as Error).name });
  }

  private async look(): Promise<void> {
    if (performance.now() - this.seenMs >= VIEW_MS) await (this.looking ?? this.lookAgain());
  }

  /** A look that is under way may have begun before what is to be seen. */
  private async lookAgain(): Promise<void> {
    await this.looking;
    this.looking ??= this.breakers
      .all()
      .then((view) => {
        this.view = view;
        this.seenMs = performance.now();
      })
      .finally(() => (this.looking = undefined));
    await this.looking;
  }

  private openBefore(provider: string): OpenBreaker | undefined {
    const registration = this.registration(provider);
    return registration && this.view.open.find((breaker) => isFor(breaker, registration));
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

function isFor(one: Registration, other: Registration): boolean {
  return one.provider === other.provider && one.clientId === other.clientId;
}
