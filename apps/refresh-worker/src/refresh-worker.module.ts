import { ConfigModule, type HubConfig } from '@hub/config';
import { DatabaseModule, FiguresModule, LeaseModule } from '@hub/database';
import { QueuesModule } from '@hub/queues';
import { TelemetryModule } from '@hub/telemetry';
import { TokenVaultModule } from '@hub/token-vault';
import { Module, type DynamicModule } from '@nestjs/common';
import { AuditTrailModule } from './audit-trail/audit-trail.module';
import { BreakerModule } from './breaker/breaker.module';
import { DueScanModule } from './due-scan/due-scan.module';
import { FleetGaugesModule } from './fleet-gauges/fleet-gauges.module';
import { RefreshWorkerService } from './refresh-worker.service';
import { RefreshModule } from './refresh/refresh.module';
import { RotationModule } from './rotation/rotation.module';
import { RevocationModule } from './revocation/revocation.module';

export const APP = 'refresh-worker';

/** The refresh worker: the only writer of refreshed tokens. */
@Module({})
export class RefreshWorkerModule {
  static of(config: HubConfig): DynamicModule {
    return {
      module: RefreshWorkerModule,
      imports: [
        ConfigModule.of(config),
        TelemetryModule.forApp(APP),
        DatabaseModule.forApp(APP),
        LeaseModule.forApp(APP),
        FiguresModule.forApp(APP),
        QueuesModule,
        TokenVaultModule,
        BreakerModule,
        RefreshModule,
        DueScanModule,
        AuditTrailModule,
        RevocationModule,
        RotationModule,
        FleetGaugesModule,
      ],
      providers: [RefreshWorkerService],
    };
  }
}
