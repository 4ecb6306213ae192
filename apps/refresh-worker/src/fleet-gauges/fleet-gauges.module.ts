import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { FleetGaugesJob } from './fleet-gauges.job';

/** What is told of all integrations together. */
@Module({ imports: [ProvidersModule], providers: [FleetGaugesJob], exports: [FleetGaugesJob] })
export class FleetGaugesModule {}
