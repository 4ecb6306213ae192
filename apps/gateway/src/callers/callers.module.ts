import { Global, Module } from '@nestjs/common';
import { BearerService } from './bearer.service';
import { DenialsService } from './denials.service';
import { RequestCallers } from './request-callers.service';

/** Who calls, and what was denied to whom. */
@Global()
@Module({
  providers: [BearerService, DenialsService, RequestCallers],
  exports: [BearerService, DenialsService, RequestCallers],
})
export class CallersModule {}
