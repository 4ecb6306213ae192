import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { OutboundClient } from '@hub/outbound';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { OAuthClient } from './oauth/oauth.client';
import { ProviderRegistry } from './provider-registry';

/** Provides the registry and the clients. The app provides `HUB_CONFIG` in a global module. */
@Module({
  providers: [
    {
      provide: ProviderRegistry,
      inject: [HUB_CONFIG],
      useFactory: (config: HubConfig) => new ProviderRegistry(config.providers),
    },
    {
      provide: OutboundClient,
      inject: [HUB_CONFIG],
      useFactory: (config: HubConfig) => new OutboundClient(config.outbound),
    },
    {
      provide: OAuthClient,
      inject: [OutboundClient],
      useFactory: (outbound: OutboundClient) => new OAuthClient(outbound),
    },
  ],
  exports: [ProviderRegistry, OutboundClient, OAuthClient],
})
export class ProvidersModule implements OnApplicationShutdown {
  constructor(private readonly outbound: OutboundClient) {}

  /** Last of all: what is under way may still be talking to a provider. */
  async onApplicationShutdown(): Promise<void> {
    await this.outbound.close();
  }
}
