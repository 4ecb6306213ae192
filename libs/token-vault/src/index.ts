export {
  asSealedDetail,
  AuditVault,
  type DetailSealer,
  type EventPlace,
  type SealedDetail,
  type Unopened,
} from './audit-vault';
export type { Cell } from './cell';
export {
  AUDIT_KEY_STORE,
  DATA_KEY_STORE,
  type DataKeyStore,
  type StoredDataKey,
  type WrappedDataKey,
} from './data-key-store';
export { DataKeys, type DataKey } from './data-keys';
export { deliveryDataCell, deliverySecretCell } from './delivery-cells';
export { sealGrant, tokenCell, type GrantOwner, type PlainGrant } from './grant-seal';
export { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider, type WrappedKey } from './key-provider';
export { KeyProviders, keyProvidersElsewhere, type Illness, type KeySettings } from './key-providers';
export { LocalKeyProvider } from './local-key-provider';
export type { VaultKey } from './message-seal';
export { PlainToken } from './plain-token';
export { parseSealed } from './sealed-format';
export { OpenFailed, TokenVault, type Sealer } from './token-vault';
export { TokenVaultModule } from './token-vault.module';
