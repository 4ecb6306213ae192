import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { PaceService } from '../pace/pace.service';
import { VerdictsModule } from '../verdicts/verdicts.module';
import { DeliveryConsumer } from './delivery.consumer';
import { DeliveryService } from './delivery.service';
import { HookClient } from './hook.client';

/** Single deliveries on their way to the webhooks of orgs. */
@Module({
  imports: [ProvidersModule, VerdictsModule],
  providers: [DeliveryConsumer, DeliveryService, HookClient, PaceService],
  exports: [DeliveryConsumer, DeliveryService],
})
export class DeliveryModule {}
