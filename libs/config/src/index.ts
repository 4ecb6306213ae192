export { ConfigError, Mistakes, parseDurationMs, SettingReader, type Environment, type Rate } from './environment';
export {
  isLoopback,
  LOG_LEVELS,
  readAuditSeal,
  readBearerSettings,
  readConfig,
  readRedisReach,
  type AuditSealConfig,
  type AuthConfig,
  type BearerSettings,
  type HubConfig,
  type LimitsConfig,
  type PlacesConfig,
  type LogLevel,
  type OutboundConfig,
} from './hub-config';
export {
  KEY_PROVIDERS,
  type AwsKmsConfig,
  type KeyProviderName,
  type VaultTransitConfig,
} from './key-provider-settings';
export type {
  ConfigurableProvider,
  EndpointOverrides,
  ProviderCredentials,
  ProviderSettings,
} from './provider-settings';
export { SECRET_SETTINGS, SETTINGS, type Setting } from './settings';
export { parseTokenKeys, type TokenKey } from './token-keys';
export { HUB_CONFIG } from './hub-config.token';
export { ConfigModule } from './config.module';
