import { ProviderRegistry } from '@hub/providers';
import { JobConsumer } from '@hub/queues';
import { Injectable } from '@nestjs/common';
import { presetDeliveries } from './delivery-metrics';
import { DeliveryService } from './delivery.service';

/** Takes deliveries from the queues of those providers that have a webhook. */
@Injectable()
export class DeliveryConsumer {
  constructor(
    private readonly jobs: JobConsumer,
    private readonly providers: ProviderRegistry,
    private readonly deliveries: DeliveryService,
  ) {}

  start(): void {
    const providers = this.providers
      .all()
      .filter(({ definition }) => definition.authMode === 'webhook_url')
      .map(({ definition }) => definition.id);
    presetDeliveries(providers);
    this.jobs.start(
      'delivery',
      providers.map((provider) => ({ provider })),
      (work) => this.deliveries.deliver(work),
    );
  }
}
