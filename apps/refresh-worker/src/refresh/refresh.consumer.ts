import { presetExchanges, ProviderRegistry } from '@hub/providers';
import { JobConsumer, type JobOutcome, type Work } from '@hub/queues';
import { tellSpan } from '@hub/telemetry';
import { LaneTurns } from '@hub/worker';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { presetRefreshes } from './refresh-metrics';
import { RefreshService, type RefreshOutcome } from './refresh.service';

/** Refreshes of one provider that all workers together start in a second, where its definition says nothing else. */
const USUAL_PER_SECOND = 40;
/** A hold shorter than the lane's own stretches would only begin a new one. */
const SHORTEST_HOLD_MS = 1_000;
/** While a provider asks for patience, one call after this long finds out whether it has any: however long it asks for, some tokens end before. */
const LONGEST_HOLD_MS = 5_000;
/** A bell that rings too early by more than this was meant for another time. */
const EARLY_MS = 15 * 60_000;

/** Takes refreshes from the queues. */
@Injectable()
export class RefreshConsumer implements OnApplicationBootstrap {
  private readonly turns = new LaneTurns();

  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly refreshes: RefreshService,
  ) {}

  onApplicationBootstrap(): void {
    const providers = this.providers.all().map(({ definition }) => definition.id);
    presetRefreshes(providers);
    presetExchanges(providers, ['refresh', 'revoke']);
  }

  start(): void {
    const lanes = this.providers
      .all()
      .map(({ definition: { id } }) => ({ provider: id, perSecond: this.perSecond(id) }));
    this.jobs.start('refresh', lanes, (work) => this.run(work));
  }

  /** One refresh, and what it means for its lane. */
  async run(work: Work): Promise<JobOutcome> {
    const { provider } = work;
    await this.turns.turn(provider, this.perSecond(provider));
    const outcome = await this.refreshes.refresh(work);
    tellSpan({ 'hub.outcome': outcome.kind });
    if (outcome.kind === 'throttled') this.turns.throttle(provider);
    return jobOutcome(outcome);
  }

  /** Refreshes of a provider that all workers together start in a second. */
  perSecond(provider: string): number {
    return this.providers.find(provider)?.definition.refresh.perSecond ?? USUAL_PER_SECOND;
  }
}

/** The ladder stands in the row, so a job is never tried again; one that came early by a wrong clock, or to a worker that ends, comes once more. */
function jobOutcome(outcome: RefreshOutcome): JobOutcome {
  if (outcome.kind === 'throttled')
    return { holdLaneMs: Math.min(Math.max(outcome.forMs, SHORTEST_HOLD_MS), LONGEST_HOLD_MS) };
  if (outcome.kind === 'awaited') return { againInMs: outcome.forMs };
  if (outcome.kind === 'draining') return { againInMs: 0 }; // for another worker: somebody may wait for it
  const early = outcome.kind === 'not_due' ? outcome.dueInMs : null;
  return early !== null && early < EARLY_MS ? { againInMs: early } : 'done';
}
