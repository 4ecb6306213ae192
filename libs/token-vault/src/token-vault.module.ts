import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { Global, Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AuditVault } from './audit-vault';
import { presetCrypto } from './crypto-metrics';
import { AUDIT_KEY_STORE, DATA_KEY_STORE, type DataKeyStore } from './data-key-store';
import { KeyProviders, keyProvidersElsewhere } from './key-providers';
import { TokenVault } from './token-vault';

/** The vaults over the data keys of the database and the configured key provider. */
@Global()
@Module({
  providers: [
    {
      provide: TokenVault,
      inject: [HUB_CONFIG, DATA_KEY_STORE],
      useFactory: (config: HubConfig, store: DataKeyStore) => TokenVault.over(config, store),
    },
    {
      provide: AuditVault,
      inject: [HUB_CONFIG, AUDIT_KEY_STORE],
      useFactory: (config: HubConfig, store: DataKeyStore) => AuditVault.over(config, store),
    },
  ],
  exports: [TokenVault, AuditVault],
})
export class TokenVaultModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly logger: HubLogger,
    private readonly vault: TokenVault,
    private readonly auditVault: AuditVault,
  ) {}

  /** An app starts although a key provider is away, and says what mends it: nobody waits for the answer. */
  onApplicationBootstrap(): void {
    presetCrypto();
    const providers = KeyProviders.of(this.config);
    for (const name of keyProvidersElsewhere(this.config))
      void providers.whyIll(name).then((illness) => {
        if (!illness) return;
        const { why, mend } = illness;
        this.logger.warning('hub.keys.provider_ill', { key_provider: name, reason: why, fix: mend });
      });
  }

  onApplicationShutdown(): void {
    this.vault.close();
    this.auditVault.close();
  }
}
