import { Module } from '@nestjs/common';
import { DeliveryGaugesJob } from './delivery-gauges.job';

/** What is told of all deliveries together. */
@Module({ providers: [DeliveryGaugesJob], exports: [DeliveryGaugesJob] })
export class GaugesModule {}
