import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { DeliveriesController } from './deliveries.controller';
import { DeliveriesService } from './deliveries.service';

/** What is delivered to an org's webhook: taken in, logged, and by what it is signed. */
@Module({ imports: [ProvidersModule], controllers: [DeliveriesController], providers: [DeliveriesService] })
export class DeliveriesModule {}
