import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { BreakerModule } from '../breaker/breaker.module';
import { JournalRepository } from '../spool/journal.repository';
import { SpoolRepository } from '../spool/spool.repository';
import { AnswerKeeper } from './answer-keeper.service';
import { CredentialService } from './credential.service';
import { RefreshConsumer } from './refresh.consumer';
import { RefreshService } from './refresh.service';
import { TokenEndpointService } from './token-endpoint.service';

/** Refreshes of single integrations, and the spool of answers that wait for PostgreSQL. */
@Module({
  imports: [ProvidersModule, BreakerModule],
  providers: [
    AnswerKeeper,
    CredentialService,
    JournalRepository,
    RefreshConsumer,
    RefreshService,
    SpoolRepository,
    TokenEndpointService,
  ],
  exports: [RefreshConsumer, RefreshService],
})
export class RefreshModule {}
