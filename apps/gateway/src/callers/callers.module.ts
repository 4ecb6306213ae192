import { Global, Module } from '@nestjs/common';
import { BearerService } from './bearer.service';
import { DenialsService } from './denials.service';

/** Who calls, and what was denied to whom. */
@Global()
@Module({ providers: [BearerService, DenialsService], exports: [BearerService, DenialsService] })
export class CallersModule {}
