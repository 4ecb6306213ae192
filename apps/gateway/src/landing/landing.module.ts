import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { IntegrationsModule } from '../integrations/integrations.module';
import { LandingController } from './landing.controller';

/** The page people land on. */
@Module({ imports: [ProvidersModule, IntegrationsModule], controllers: [LandingController] })
export class LandingModule {}
