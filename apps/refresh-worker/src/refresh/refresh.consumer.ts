import { ProviderRegistry } from '@hub/providers';
import { JobConsumer } from '@hub/queues';
import { Injectable } from '@nestjs/common';
import { RefreshService } from './refresh.service';

/** Refreshes of one provider that all workers together start in a second, where its definition says nothing else. */
const USUAL_PER_SECOND = 40;
/** A bell that rings too early by more than this was meant for another time. */
const EARLY_MS = 15 * 60_000;

/** Takes refreshes from the queues. */
@Injectable()
export class RefreshConsumer {
  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly refreshes: RefreshService,
  ) {}

  start(): void {
    const lanes = this.providers
      .all()
      .map(({ definition: { id, refresh } }) => ({ provider: id, perSecond: refresh.perSecond ?? USUAL_PER_SECOND }));
    this.jobs.start('refresh', lanes, async (work) => {
      const outcome = await this.refreshes.refresh(work);
      // the ladder stands in the row, so a job is never tried again; one that came early by a wrong clock comes once more
      const early = outcome.kind === 'not_due' ? outcome.dueInMs : null;
      return early !== null && early < EARLY_MS ? { againInMs: early } : 'done';
    });
  }
}
