import { Global, Module } from '@nestjs/common';
import { ConsoleSessionController } from './console-session.controller';
import { SessionChecks } from './session-checks.service';
import { SessionsService } from './sessions.service';

/** Who is signed in to the page of integrations: by a link, a cookie, a proof. */
@Global()
@Module({
  controllers: [ConsoleSessionController],
  providers: [SessionsService, SessionChecks],
  exports: [SessionsService, SessionChecks],
})
export class ConsoleSessionModule {}
