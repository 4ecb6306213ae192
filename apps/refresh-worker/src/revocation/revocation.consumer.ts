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
    const ids = this.providers.all().map(({ definition }) => definition.id);
    this.jobs.start('revocation', ids, (work) => this.revocations.revoke(work));
  }
}
