/** One setting of the environment, as operators read of it. The documentation and `.env.example` are held against this list. */
export interface Setting {
  readonly name: string;
  readonly meaning: string;
  /** What holds without it; `null`: nothing, it is required or its feature is off. */
  readonly default: string | null;
  /** Secrets are never echoed, and may come as `NAME_FILE`. */
  readonly secret?: true;
}

/** Every setting but the providers' own (`<PREFIX>_CLIENT_ID`, `<PREFIX>_CLIENT_SECRET`, `<PREFIX>_SCOPES`). */
export const SETTINGS = [
  { name: 'DATABASE_URL', meaning: "PostgreSQL, as the app's own role", default: null, secret: true },
  {
    name: 'DATABASE_NOTICES_URL',
    meaning: 'PostgreSQL itself, as the same role, where DATABASE_URL leads to a pooler: the apps listen there',
    default: '{DATABASE_URL}',
    secret: true,
  },
  { name: 'DATABASE_ADMIN_URL', meaning: 'PostgreSQL for migrations and roles only', default: null, secret: true },
  { name: 'REDIS_URL', meaning: 'Redis or Valkey that carries the queues', default: null, secret: true },
  {
    name: 'REDIS_CACERT',
    meaning: 'file of the certificates, as PEM, by which a Redis at rediss:// is trusted',
    default: null,
  },
  { name: 'REDIS_PREFIX', meaning: 'prefix of every Redis key, one per installation', default: 'hub' },
  { name: 'PORT', meaning: 'port of the gateway', default: '3000' },
  { name: 'HOST', meaning: 'address that the apps listen on', default: '127.0.0.1' },
  { name: 'WORKER_HEALTH_PORT', meaning: "port of a worker's health pages", default: '3001' },
  { name: 'PUBLIC_URL', meaning: 'URL by which browsers reach the gateway', default: 'http://localhost:{PORT}' },
  {
    name: 'SITE_URL',
    meaning: "the product's own site; itself and its /integrations are allowed return URLs",
    default: '{PUBLIC_URL}',
  },
  { name: 'REDIRECT_ALLOWLIST', meaning: 'more return URLs, comma separated, matched exactly', default: '' },
  {
    name: 'AUTH_JWKS_URL',
    meaning: 'where the keys of RS256, ES256 and EdDSA bearer tokens are published',
    default: null,
  },
  { name: 'AUTH_JWT_SECRET', meaning: 'secret of HS256 bearer tokens, at least 32 bytes', default: null, secret: true },
  { name: 'AUTH_ISSUER', meaning: 'the `iss` that bearer tokens must have', default: null },
  { name: 'AUTH_AUDIENCE', meaning: 'the `aud` that bearer tokens must have', default: null },
  { name: 'AUTH_ORG_CLAIM', meaning: 'dotted path of the claim that holds the org', default: 'org_id' },
  { name: 'TRUST_PROXY', meaning: 'CIDRs of proxies whose X-Forwarded-For is read, for limits only', default: '' },
  {
    name: 'RATE_LIMIT_GUESSES',
    meaning: 'unknown states, page addresses and links that an address may send, or `off`',
    default: '20/1m',
  },
  {
    name: 'RATE_LIMIT_BEARERS',
    meaning: 'bearers that are not valid that an address may send, or `off`',
    default: '300/1m',
  },
  {
    name: 'RATE_LIMIT_ADDRESS',
    meaning: 'requests without a caller that an address may send, or `off`',
    default: '300/1m',
  },
  {
    name: 'RATE_LIMIT_CONNECTS',
    meaning: 'connects that a caller may start and complete, or `off`',
    default: '300/1m',
  },
  { name: 'RATE_LIMIT_CALLER', meaning: 'requests that a caller may send, or `off`', default: '6000/1m' },
  {
    name: 'LIVE_SOCKETS_ORG',
    meaning: 'sockets of live status that an org may have open at each gateway, or `off`',
    default: '200',
  },
  {
    name: 'LIVE_SOCKETS_GATEWAY',
    meaning: 'sockets of live status that a gateway holds open at once, or `off`',
    default: '5000',
  },
  {
    name: 'PROXY_CALLS_ORG',
    meaning: 'calls through the proxy that an org may have under way at each gateway, or `off`',
    default: '100',
  },
  {
    name: 'PROXY_CALLS_GATEWAY',
    meaning: 'calls through the proxy that a gateway holds under way at once, or `off`',
    default: '500',
  },
  {
    name: 'TOKEN_KEYS',
    meaning: '`id:base64` of 32 random bytes each, comma separated; the first wraps data keys, all unwrap',
    default: null,
    secret: true,
  },
  {
    name: 'KEY_PROVIDER',
    meaning: 'who wraps the data keys of the orgs: local (TOKEN_KEYS), vault-transit or aws-kms',
    default: 'local',
  },
  { name: 'VAULT_ADDR', meaning: 'URL of HashiCorp Vault or OpenBao, whose Transit wraps data keys', default: null },
  {
    name: 'VAULT_TOKEN',
    meaning: 'token for Transit; its file is read on each use, so that an agent may renew it',
    default: null,
    secret: true,
  },
  { name: 'VAULT_NAMESPACE', meaning: 'namespace of the secrets engine', default: null },
  { name: 'VAULT_TRANSIT_MOUNT', meaning: 'path of the Transit secrets engine', default: 'transit' },
  { name: 'VAULT_TRANSIT_KEY', meaning: 'name of the Transit key that wraps data keys', default: 'hub-data-keys' },
  { name: 'VAULT_CACERT', meaning: 'file of the certificates, as PEM, by which Vault is trusted', default: null },
  { name: 'AWS_KMS_KEY_ID', meaning: 'id, ARN or alias of the AWS KMS key that wraps data keys', default: null },
  { name: 'AWS_REGION', meaning: 'region of the AWS KMS key', default: null },
  { name: 'AWS_KMS_ENDPOINT', meaning: "another address of AWS KMS than the region's own", default: null },
  { name: 'PROVIDER_ENDPOINTS_FILE', meaning: 'JSON that points providers at other servers', default: null },
  { name: 'REFRESH_SCAN_EVERY', meaning: 'interval of the scan that schedules refreshes', default: '10m' },
  { name: 'SYNC_EVERY', meaning: 'interval between metadata syncs of an integration', default: '1h' },
  {
    name: 'CONNECT_UNBOUND',
    meaning: "a callback without its flow's cookie: confirm, refuse or allow",
    default: 'confirm',
  },
  { name: 'SPOOL_DIR', meaning: 'where sealed answers wait that PostgreSQL could not take', default: '.hub/spool' },
  {
    name: 'SPOOL_KEEP',
    meaning: 'how long sealed answers are kept after their commit, for a database that is set back, or `off`',
    default: '24h',
  },
  {
    name: 'AUDIT_SEAL_KEY',
    meaning: '`id:base64` of 32 random bytes that seal the audit trail; more behind it only verify',
    default: null,
    secret: true,
  },
  { name: 'AUDIT_SEAL_DIR', meaning: "where the audit trail's seals are kept, outside the database", default: null },
  { name: 'AUDIT_SEAL_EVERY', meaning: 'interval between seals of the audit trail', default: '1m' },
  {
    name: 'OUTBOUND_ALLOW_PRIVATE',
    meaning: 'true allows outbound calls to loopback, plain http there included; local use only',
    default: 'false',
  },
  {
    name: 'OUTBOUND_ALLOW_HOSTS',
    meaning: "hosts of the operator's own choice that may have private addresses, comma separated",
    default: '',
  },
  {
    name: 'HTTPS_PROXY',
    meaning: 'proxy that outbound calls go through, with user and password if it asks for them',
    default: null,
    secret: true,
  },
  {
    name: 'NO_PROXY',
    meaning: 'names, addresses and networks that are called without the proxy, comma separated',
    default: '',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    meaning: 'URL of the collector that takes traces and metrics by OTLP over HTTP; without it there are none',
    default: null,
  },
  {
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    meaning: 'headers that the collector asks for, `name=value`, comma separated',
    default: null,
    secret: true,
  },
  { name: 'OTEL_EXPORTER_OTLP_PROTOCOL', meaning: 'http/protobuf or http/json', default: 'http/protobuf' },
  { name: 'OTEL_SERVICE_NAME', meaning: 'what traces and metrics call the app', default: 'hub-{app}' },
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    meaning: 'more about where the app runs, `name=value`, comma separated',
    default: 'service.namespace=integrations-hub',
  },
  {
    name: 'OTEL_LOGS_EXPORTER',
    meaning: 'otlp sends records to the collector in place of standard output, none leaves them there',
    default: 'none',
  },
  { name: 'OTEL_METRIC_EXPORT_INTERVAL', meaning: 'milliseconds between exports of metrics', default: '15000' },
  { name: 'OTEL_TRACES_SAMPLER_ARG', meaning: 'part of the traces that is kept, from 0 to 1', default: '1' },
  { name: 'OTEL_SDK_DISABLED', meaning: 'true turns traces and metrics off', default: 'false' },
  { name: 'HUB_LOCAL', meaning: 'set by `npm start` alone: the console signs itself in', default: 'false' },
  { name: 'HUB_LOCAL_ORG_ID', meaning: 'set by `npm start` alone: the org of the local console', default: null },
  { name: 'LOG_LEVEL', meaning: 'fatal, error, warn, info, debug, trace or silent', default: 'info' },
] as const satisfies readonly Setting[];

export type SettingName = (typeof SETTINGS)[number]['name'];

/** Names of all settings that hold secrets, for redaction. */
export const SECRET_SETTINGS: readonly string[] = (SETTINGS as readonly Setting[])
  .filter((setting) => setting.secret)
  .map((setting) => setting.name);
