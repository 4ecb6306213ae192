import { ConfigModule, type HubConfig } from '@hub/config';
import { DatabaseModule } from '@hub/database';
import { QueuesModule } from '@hub/queues';
import { TelemetryModule } from '@hub/telemetry';
import { TokenVaultModule } from '@hub/token-vault';
import { Module, type DynamicModule } from '@nestjs/common';
import { DeliveryWorkerService } from './delivery-worker.service';
import { DeliveryModule } from './delivery/delivery.module';
import { GaugesModule } from './gauges/gauges.module';
import { LogKeepingModule } from './log-keeping/log-keeping.module';
import { OutboxModule } from './outbox/outbox.module';
import { VerdictsModule } from './verdicts/verdicts.module';

export const APP = 'delivery-worker';

/** The delivery worker: the only one that sends to the webhooks of orgs. */
@Module({})
export class DeliveryWorkerModule {
  static of(config: HubConfig): DynamicModule {
    return {
      module: DeliveryWorkerModule,
      imports: [
        ConfigModule.of(config),
        TelemetryModule.forApp(APP),
        DatabaseModule.forApp(APP),
        QueuesModule,
        TokenVaultModule,
        DeliveryModule,
        OutboxModule,
        LogKeepingModule,
        GaugesModule,
        VerdictsModule,
      ],
      providers: [DeliveryWorkerService],
    };
  }
}
