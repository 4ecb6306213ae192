export type { Cell } from './cell';
export { sealGrant, tokenCell, type GrantOwner, type PlainGrant } from './grant-seal';
export { PlainToken } from './plain-token';
export { parseSealed } from './sealed-format';
export { OpenFailed, TokenVault, type VaultKey } from './token-vault';
export { TokenVaultModule } from './token-vault.module';
