import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { BreakerService } from './breaker.service';

/** What stands before each registration at a provider. */
@Module({ imports: [ProvidersModule], providers: [BreakerService], exports: [BreakerService] })
export class BreakerModule {}
