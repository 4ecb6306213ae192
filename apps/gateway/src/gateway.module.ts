import { ConfigModule, type HubConfig } from '@hub/config';
import { DatabaseModule } from '@hub/database';
import { ProvidersModule } from '@hub/providers';
import { QueuesModule } from '@hub/queues';
import { TelemetryModule } from '@hub/telemetry';
import { TokenVaultModule } from '@hub/token-vault';
import { Module, type DynamicModule } from '@nestjs/common';
import { AuditModule } from './audit/audit.module';
import { CallersModule } from './callers/callers.module';
import { ConnectModule } from './connect/connect.module';
import { ConsoleModule } from './console/console.module';
import { ConsoleSessionModule } from './console-session/console-session.module';
import { DeadLettersModule } from './dead-letters/dead-letters.module';
import { DeliveriesModule } from './deliveries/deliveries.module';
import { HealthModule } from './health/health.module';
import { ProblemFilter } from './http/problem.filter';
import { RequestChecks } from './http/request-checks.service';
import { IntegrationsModule } from './integrations/integrations.module';
import { LimitsModule } from './limits/limits.module';
import { LiveStatusModule } from './live-status/live-status.module';
import { OpenApiModule } from './openapi/openapi.module';
import { ProxyModule } from './proxy/proxy.module';
import { TokensModule } from './tokens/tokens.module';

/** The gateway: one module for each feature. */
@Module({})
export class GatewayModule {
  static of(config: HubConfig): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        ConfigModule.of(config),
        TelemetryModule.forApp('gateway'),
        DatabaseModule.forApp('gateway'),
        QueuesModule,
        TokenVaultModule,
        ProvidersModule,
        CallersModule,
        LimitsModule,
        ConsoleSessionModule,
        ConnectModule,
        IntegrationsModule,
        TokensModule,
        ProxyModule,
        AuditModule,
        DeadLettersModule,
        LiveStatusModule,
        DeliveriesModule,
        ConsoleModule,
        OpenApiModule,
        HealthModule,
      ],
      providers: [ProblemFilter, RequestChecks],
    };
  }
}
