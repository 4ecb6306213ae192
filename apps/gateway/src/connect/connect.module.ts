import { presetExchanges, ProviderRegistry, ProvidersModule } from '@hub/providers';
import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { IntegrationsModule } from '../integrations/integrations.module';
import { CallbackController } from './callback.controller';
import { CallbackService } from './callback.service';
import { CompletionController } from './completion.controller';
import { CompletionService } from './completion.service';
import { ConfirmPageController } from './confirm-page.controller';
import { ConfirmPageService } from './confirm-page.service';
import { ConnectController } from './connect.controller';
import { ConnectService } from './connect.service';
import { DeferredCompletionService } from './deferred-completion.service';
import { presetFlows } from './flow-metrics';
import { FlowOpeningService } from './flow-opening.service';
import { FlowPagesService } from './flow-pages.service';
import { FlowSecretsService } from './flow-secrets.service';
import { InputPageController } from './input-page.controller';
import { InputPageService } from './input-page.service';
import { ParkedCodeService } from './parked-code.service';
import { WebhookConnectService } from './webhook-connect.service';

/** From the first request to the stored grant. */
@Module({
  imports: [ProvidersModule, IntegrationsModule],
  controllers: [
    ConnectController,
    CallbackController,
    InputPageController,
    ConfirmPageController,
    CompletionController,
  ],
  providers: [
    ConnectService,
    CallbackService,
    CompletionService,
    ConfirmPageService,
    DeferredCompletionService,
    FlowOpeningService,
    FlowPagesService,
    FlowSecretsService,
    InputPageService,
    ParkedCodeService,
    WebhookConnectService,
  ],
})
export class ConnectModule implements OnApplicationBootstrap {
  constructor(private readonly providers: ProviderRegistry) {}

  /** Before the first request: what is counted then rises from 0. */
  onApplicationBootstrap(): void {
    const providers = this.providers.all().map(({ definition }) => definition.id);
    presetFlows(providers);
    presetExchanges(providers, ['code_exchange']);
  }
}
