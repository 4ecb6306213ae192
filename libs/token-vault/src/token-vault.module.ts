import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module } from '@nestjs/common';
import { TokenVault } from './token-vault';

/** The vault over the configured keyring. */
@Global()
@Module({
  providers: [
    { provide: TokenVault, inject: [HUB_CONFIG], useFactory: (config: HubConfig) => new TokenVault(config.tokenKeys) },
  ],
  exports: [TokenVault],
})
export class TokenVaultModule {}
