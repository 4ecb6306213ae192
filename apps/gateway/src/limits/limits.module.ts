import { Global, Module } from '@nestjs/common';
import { LimitsService } from './limits.service';

/** How much the gateway takes from whom. */
@Global()
@Module({ providers: [LimitsService], exports: [LimitsService] })
export class LimitsModule {}
