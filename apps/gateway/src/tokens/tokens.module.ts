import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { IntegrationsModule } from '../integrations/integrations.module';
import { TokenReadsService } from './token-reads.service';
import { TokensController } from './tokens.controller';
import { TokensService } from './tokens.service';

/** Product services read tokens here. */
@Module({
  imports: [ProvidersModule, IntegrationsModule],
  controllers: [TokensController],
  providers: [TokensService, TokenReadsService],
  exports: [TokensService],
})
export class TokensModule {}
