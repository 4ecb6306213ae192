import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DATA_KEY_STORE, type DataKeyStore } from './data-key-store';
import { TokenVault } from './token-vault';

/** The vault over the data keys of the database and the configured key provider. */
@Global()
@Module({
  providers: [
    {
      provide: TokenVault,
      inject: [HUB_CONFIG, DATA_KEY_STORE],
      useFactory: (config: HubConfig, store: DataKeyStore) => TokenVault.over(config, store),
    },
  ],
  exports: [TokenVault],
})
export class TokenVaultModule implements OnApplicationShutdown {
  constructor(private readonly vault: TokenVault) {}

  onApplicationShutdown(): void {
    this.vault.close();
  }
}
