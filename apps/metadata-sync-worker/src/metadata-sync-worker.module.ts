import { ConfigModule, type HubConfig } from '@hub/config';
import { DatabaseModule } from '@hub/database';
import { QueuesModule } from '@hub/queues';
import { TelemetryModule } from '@hub/telemetry';
import { TokenVaultModule } from '@hub/token-vault';
import { Module, type DynamicModule } from '@nestjs/common';
import { MetadataSyncWorkerService } from './metadata-sync-worker.service';
import { SyncModule } from './sync/sync.module';

export const APP = 'metadata-sync-worker';

/** The metadata sync worker: the only writer of metadata. */
@Module({})
export class MetadataSyncWorkerModule {
  static of(config: HubConfig): DynamicModule {
    return {
      module: MetadataSyncWorkerModule,
      imports: [
        ConfigModule.of(config),
        TelemetryModule.forApp(APP),
        DatabaseModule.forApp(APP),
        QueuesModule,
        TokenVaultModule,
        SyncModule,
      ],
      providers: [MetadataSyncWorkerService],
    };
  }
}
