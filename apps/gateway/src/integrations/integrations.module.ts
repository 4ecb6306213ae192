import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { DemandService } from './demand.service';
import { IntegrationsController } from './integrations.controller';
import { IntegrationsService } from './integrations.service';

/** List, inspect, refresh, sync, disconnect. */
@Module({
  imports: [ProvidersModule],
  controllers: [IntegrationsController],
  providers: [DemandService, IntegrationsService],
  exports: [DemandService, IntegrationsService],
})
export class IntegrationsModule {}
