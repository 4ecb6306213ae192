import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { IntegrationsModule } from '../integrations/integrations.module';
import { TokensModule } from '../tokens/tokens.module';
import { ProxyController } from './proxy.controller';
import { ProxyService } from './proxy.service';

/** Product services call providers' APIs here without ever holding a token. */
@Module({
  imports: [ProvidersModule, IntegrationsModule, TokensModule],
  controllers: [ProxyController],
  providers: [ProxyService],
})
export class ProxyModule {}
