import { ProviderRegistry } from '@hub/providers';
import { JobConsumer } from '@hub/queues';
import { Injectable } from '@nestjs/common';
import { presetVerdicts } from './sync-metrics';
import { SyncService } from './sync.service';

/** Takes syncs from the queues. */
@Injectable()
export class SyncConsumer {
  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly syncs: SyncService,
  ) {}

  start(): void {
    const lanes = this.providers.all().map(({ definition }) => ({ provider: definition.id }));
    presetVerdicts(lanes.map(({ provider }) => provider));
    this.jobs.start('sync', lanes, (work) => this.syncs.sync(work));
  }
}
