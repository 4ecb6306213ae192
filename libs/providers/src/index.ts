export { providerCatalog } from './catalog';
export { givesBack } from './gives-back';
export { readBearerGrant, type GrantManners } from './grant-reading';
export { asList, asObject, field, idField, labelField, numberField, textField, type JsonObject } from './json-fields';
export {
  buildAuthorizationRequest,
  type AuthorizationOrder,
  type AuthorizationRequest,
} from './oauth/authorization-request';
export { presetExchanges, type ExchangeOperation } from './oauth/exchange-metrics';
export {
  EXCHANGE_DEADLINE_MS,
  OAuthClient,
  type CallOptions,
  type GrantAnswer,
  type RevokeAnswer,
  type TokensToRevoke,
} from './oauth/oauth.client';
export type { CodeToExchange } from './oauth/token-request';
export * from './provider-definition';
export { configurableProviders, ProviderRegistry } from './provider-registry';
export { ProvidersModule } from './providers.module';
export { speaksOAuth, type RegisteredProvider } from './registered-provider';
export { readDeliveryOutcome, webhookAddress } from './webhook-delivery';
export { isSuccess, readAbsence, readRefusal, retryAfterMs } from './wire-failure';
