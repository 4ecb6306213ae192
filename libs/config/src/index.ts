export { ConfigError, Mistakes, parseDurationMs, SettingReader, type Environment } from './environment';
export {
  isLoopback,
  KEY_PROVIDERS,
  LOG_LEVELS,
  readAuditSeal,
  readBearerSettings,
  readConfig,
  type AuditSealConfig,
  type AuthConfig,
  type BearerSettings,
  type HubConfig,
  type KeyProviderName,
  type LogLevel,
  type OutboundConfig,
} from './hub-config';
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
