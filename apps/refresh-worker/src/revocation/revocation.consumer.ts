import { ProviderRegistry } from '@hub/providers';
import { JobConsumer } from '@hub/queues';
import { Injectable } from '@nestjs/common';
import { RevocationService } from './revocation.service';

/** Takes revocations from the queues. */
@Injectable()
export class RevocationConsumer {
  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly revocations: RevocationService,
  ) {}

  start(): void {
    const lanes = this.providers.all().map(({ definition }) => ({ provider: definition.id }));
    this.jobs.start('revocation', lanes, (work) => this.revocations.revoke(work));
  }
}
