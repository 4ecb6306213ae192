import { ProviderRegistry } from '@hub/providers';
import { JobConsumer } from '@hub/queues';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { presetVerdicts } from './sync-metrics';
import { SyncService } from './sync.service';

/** Takes syncs from the queues. */
@Injectable()
export class SyncConsumer implements OnApplicationBootstrap {
  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly syncs: SyncService,
  ) {}

  onApplicationBootstrap(): void {
    presetVerdicts(this.providers.all().map(({ definition }) => definition.id));
  }

  start(): void {
    const lanes = this.providers.all().map(({ definition }) => ({ provider: definition.id }));
    this.jobs.start('sync', lanes, (work) => this.syncs.sync(work));
  }
}
