import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { AuditVault } from './audit-vault';
import { AUDIT_KEY_STORE, DATA_KEY_STORE, type DataKeyStore } from './data-key-store';
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
export class TokenVaultModule implements OnApplicationShutdown {
  constructor(
    private readonly vault: TokenVault,
    private readonly auditVault: AuditVault,
  ) {}

  onApplicationShutdown(): void {
    this.vault.close();
    this.auditVault.close();
  }
}
