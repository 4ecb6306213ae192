import { isIP } from 'node:net';
import {
  isPlainAscii,
  NOT_ASCII,
  parseOrgId,
  redirectEntryProblem,
  UNBOUND_POLICIES,
  type UnboundPolicy,
} from '@hub/domain';
import { Mistakes, parseUrl, SettingReader, splitList, type Environment, type Rate } from './environment';
import { readKeyProviders, type KeyProviderSettings } from './key-provider-settings';
import { readProviderSettings, type ConfigurableProvider, type ProviderSettings } from './provider-settings';
import { parseKeys, parseTokenKeys, type TokenKey } from './token-keys';

/** What every bearer token for this hub has in common, whoever signs it. */
export interface BearerSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Path of the org's claim, such as `['app_metadata', 'org_id']`. */
  readonly orgClaim: readonly string[];
  readonly jwtSecret: string | null;
}

/** How bearer tokens are verified. At least one of `jwksUrl` and `jwtSecret` is there. */
export interface AuthConfig extends BearerSettings {
  readonly jwksUrl: string | null;
}

export interface OutboundConfig {
  /** Loopback may be called, plain http included: the sandbox. */
  readonly allowPrivate: boolean;
  /** Hosts that the operator vouches for, whatever their address. */
  readonly allowHosts: readonly string[];
  /** `http:` or `https:`, with user and password if it asks for them; `null`: there is none. */
  readonly proxyUrl: string | null;
  /** What is called without the proxy: names with all below them, addresses, networks, `*`. */
  readonly noProxy: readonly string[];
}

/** How many requests the gateway takes; `null`: as many as come. */
export interface LimitsConfig {
  /** Guesses of a secret from one address, of each kind. */
  readonly guesses: Rate | null;
  /** Bearers that are not valid from one address. */
  readonly bearers: Rate | null;
  /** Requests without a caller from one address. */
  readonly address: Rate | null;
  /** Connects of one caller. */
  readonly connects: Rate | null;
  /** Requests of one caller. */
  readonly caller: Rate | null;
}

/** How many of a thing are open at once; `null`: as many as come. */
export interface PlacesConfig {
  /** Of one org, at each gateway. */
  readonly ofOrg: number | null;
  /** At each gateway. */
  readonly ofGateway: number | null;
}

/** How the audit trail is sealed outside the database. Without a key or a folder it is not. */
export interface AuditSealConfig {
  /** The first seals, all verify; empty: there is none. */
  readonly keys: readonly TokenKey[];
  readonly dir: string | null;
  readonly everyMs: number;
}

/** The hub's settings, read and checked once at start. */
export interface HubConfig extends KeyProviderSettings {
  readonly databaseUrl: string;
  /** Where notices are heard: PostgreSQL itself, where `databaseUrl` leads to a pooler. */
  readonly databaseNoticesUrl: string;
  readonly redisUrl: string;
  /** The certificates to trust, as PEM; `null`: those of the system. */
  readonly redisCaCert: string | null;
  readonly redisPrefix: string;
  readonly host: string;
  readonly port: number;
  readonly workerHealthPort: number;
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly siteUrl: string;
  /** Every return URL that is allowed, `SITE_URL` and `SITE_URL/integrations` included. */
  readonly redirectAllowList: readonly string[];
  readonly trustProxy: readonly string[];
  readonly limits: LimitsConfig;
  /** Sockets of live status. */
  readonly liveSockets: PlacesConfig;
  /** Calls through the proxy. */
  readonly proxyCalls: PlacesConfig;
  /** `null` in apps that answer no callers. */
  readonly auth: AuthConfig | null;
  readonly tokenKeys: readonly TokenKey[];
  readonly providers: Readonly<Record<string, ProviderSettings>>;
  readonly refreshScanEveryMs: number;
  readonly syncEveryMs: number;
  readonly connectUnbound: UnboundPolicy;
  readonly spoolDir: string;
  /** How long committed answers are kept in the spool's journal; 0: they are not. */
  readonly spoolKeepMs: number;
  readonly auditSeal: AuditSealConfig;
  readonly outbound: OutboundConfig;
  readonly local: { readonly orgId: string | null } | null;
  readonly logLevel: LogLevel;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What an app needs beyond what all need. */
export interface ConfigNeeds {
  readonly providers: readonly ConfigurableProvider[];
  /** True for the app that answers callers. */
  readonly callers: boolean;
}

const SHORTEST_JWT_SECRET_BYTES = 32;
const POSTGRES = ['postgres:', 'postgresql:'];
const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const;

/**
 * Reads the whole configuration.
 *
 * @param environment usually `process.env`
 * @throws ConfigError that lists every mistake, each with the setting to mend and without any secret
 */
export function readConfig(environment: Environment, needs: ConfigNeeds): HubConfig {
  const mistakes = new Mistakes();
  const reader = new SettingReader(environment, mistakes);
  const port = reader.port('PORT');
  const host = reader.text('HOST') ?? '';
  // a default that stands on a wrong setting is no second mistake
  const ownUrl = port > 0 ? `http://localhost:${port}` : undefined;
  const publicUrl = reader.webUrl('PUBLIC_URL', reader.raw('PUBLIC_URL') ?? ownUrl, ['https:', 'http:']);
  const siteUrl = reader.webUrl('SITE_URL', reader.raw('SITE_URL') ?? (publicUrl || undefined), ['https:', 'http:']);
  const databaseUrl = reader.connectionUrl('DATABASE_URL', POSTGRES, 'npm start makes one for you');
  const config: HubConfig = {
    databaseUrl,
    databaseNoticesUrl:
      reader.raw('DATABASE_NOTICES_URL') === undefined
        ? databaseUrl
        : reader.connectionUrl('DATABASE_NOTICES_URL', POSTGRES, 'or leave it out'),
    ...readRedisReach(reader),
    redisPrefix: reader.text('REDIS_PREFIX') ?? 'hub',
    host,
    port,
    workerHealthPort: reader.port('WORKER_HEALTH_PORT'),
    publicUrl,
    siteUrl,
    redirectAllowList: readRedirects(reader, siteUrl, reader.raw('SITE_URL')),
    trustProxy: readCidrs(reader),
    limits: {
      guesses: reader.rateOrOff('RATE_LIMIT_GUESSES'),
      bearers: reader.rateOrOff('RATE_LIMIT_BEARERS'),
      address: reader.rateOrOff('RATE_LIMIT_ADDRESS'),
      connects: reader.rateOrOff('RATE_LIMIT_CONNECTS'),
      caller: reader.rateOrOff('RATE_LIMIT_CALLER'),
    },
    liveSockets: {
      ofOrg: reader.countOrOff('LIVE_SOCKETS_ORG'),
      ofGateway: reader.countOrOff('LIVE_SOCKETS_GATEWAY'),
    },
    proxyCalls: {
      ofOrg: reader.countOrOff('PROXY_CALLS_ORG'),
      ofGateway: reader.countOrOff('PROXY_CALLS_GATEWAY'),
    },
    auth: needs.callers ? readAuth(reader) : null,
    tokenKeys: parseTokenKeys(reader.text('TOKEN_KEYS'), mistakes),
    ...readKeyProviders(reader, isLoopback),
    providers: readProviderSettings(reader, needs.providers),
    refreshScanEveryMs: reader.durationMs('REFRESH_SCAN_EVERY'),
    syncEveryMs: reader.durationMs('SYNC_EVERY'),
    connectUnbound: reader.oneOf('CONNECT_UNBOUND', UNBOUND_POLICIES),
    spoolDir: reader.text('SPOOL_DIR') ?? '',
    spoolKeepMs: reader.durationOrOffMs('SPOOL_KEEP'),
    auditSeal: readAuditSeal(reader),
    outbound: readOutbound(reader),
    local: readLocal(reader, host, publicUrl),
    logLevel: reader.oneOf('LOG_LEVEL', LOG_LEVELS),
  };
  checkTelemetry(reader);
  if (config.auditSeal.keys.some((seal) => config.tokenKeys.some(({ key }) => key.equals(seal.key))))
    mistakes.add(
      'AUDIT_SEAL_KEY and TOKEN_KEYS share a key: whoever may open tokens could forge seals. Make another one',
    );
  mistakes.throwIfAny();
  return deepFreeze(config);
}

/** OpenTelemetry's kit reads its settings itself, before anything else, and would go on without those that are wrong. */
function checkTelemetry(reader: SettingReader): void {
  const endpoint = reader.text('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (endpoint !== undefined) reader.webUrl('OTEL_EXPORTER_OTLP_ENDPOINT', endpoint, ['https:', 'http:']);
  reader.raw('OTEL_EXPORTER_OTLP_HEADERS'); // its file must be there
  reader.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', OTLP_PROTOCOLS);
  for (const signal of ['TRACES', 'METRICS', 'LOGS']) checkSignal(reader, `OTEL_EXPORTER_OTLP_${signal}`);
  reader.oneOf('OTEL_LOGS_EXPORTER', ['none', 'otlp']);
  reader.flag('OTEL_SDK_DISABLED');
  if (!/^[1-9]\d{2,8}$/.test(reader.text('OTEL_METRIC_EXPORT_INTERVAL') ?? ''))
    reader.mistakes.add('OTEL_METRIC_EXPORT_INTERVAL must be milliseconds, 100 or more, such as 15000');
  const part = Number(reader.text('OTEL_TRACES_SAMPLER_ARG'));
  if (!(part >= 0 && part <= 1))
    reader.mistakes.add('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, such as 0.05');
}

/** What OpenTelemetry lets be set otherwise for one signal. @param prefix such as `OTEL_EXPORTER_OTLP_TRACES` */
function checkSignal(reader: SettingReader, prefix: string): void {
  reader.webUrl(`${prefix}_ENDPOINT`, reader.direct(`${prefix}_ENDPOINT`), ['https:', 'http:']);
  const protocol = reader.direct(`${prefix}_PROTOCOL`);
  if (protocol !== undefined && !OTLP_PROTOCOLS.some((known) => known === protocol))
    reader.mistakes.add(`${prefix}_PROTOCOL must be one of ${OTLP_PROTOCOLS.join(', ')}`);
}

/** The part of the settings that reaching Redis needs. */
export function readRedisReach(
  reader: SettingReader,
  hint = 'npm start makes one for you',
): Pick<HubConfig, 'redisUrl' | 'redisCaCert'> {
  const redisUrl = reader.connectionUrl('REDIS_URL', ['redis:', 'rediss:'], hint);
  const redisCaCert = reader.certificates('REDIS_CACERT');
  if (redisCaCert !== null && redisUrl.startsWith('redis:'))
    reader.mistakes.add('REDIS_CACERT is for TLS: write rediss:// in REDIS_URL, or leave REDIS_CACERT out');
  return { redisUrl, redisCaCert };
}

/** The part of the settings that sealing and verifying the audit trail need. */
export function readAuditSeal(reader: SettingReader): AuditSealConfig {
  return {
    keys: parseKeys('AUDIT_SEAL_KEY', reader.list('AUDIT_SEAL_KEY'), reader.mistakes),
    dir: reader.text('AUDIT_SEAL_DIR') ?? null,
    everyMs: reader.durationMs('AUDIT_SEAL_EVERY'),
  };
}

/** The part of the settings that every call to another machine obeys. The proxy's names are those of other programs, small letters too. */
export function readOutbound(reader: SettingReader): OutboundConfig {
  return {
    allowPrivate: reader.flag('OUTBOUND_ALLOW_PRIVATE'),
    allowHosts: reader.list('OUTBOUND_ALLOW_HOSTS').map((name) => name.toLowerCase()),
    proxyUrl: readProxy(reader),
    noProxy: splitList(reader.raw('NO_PROXY') ?? reader.direct('no_proxy')),
  };
}

function readProxy(reader: SettingReader): string | null {
  const text = reader.raw('HTTPS_PROXY') ?? reader.direct('https_proxy');
  if (text === undefined) return null;
  const url = parseUrl(text);
  if (url && ['http:', 'https:'].includes(url.protocol) && isDecodable(url.username + url.password)) return text;
  reader.mistakes.add('HTTPS_PROXY must be an absolute http or https URL; %-escape what is special in its password');
  return null;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** `SITE_URL` as it is written is allowed too: entries are compared character for character. */
function readRedirects(reader: SettingReader, siteUrl: string, asWritten: string | undefined): string[] {
  if (asWritten !== undefined && !isPlainAscii(asWritten)) reader.mistakes.add(`SITE_URL ${NOT_ASCII}`);
  const entries = reader.list('REDIRECT_ALLOWLIST');
  entries.forEach((entry, place) => {
    const problem = redirectEntryProblem(entry);
    // by its place: what cannot be used may be something else, even a secret
    if (problem) reader.mistakes.add(`REDIRECT_ALLOWLIST, URL ${place + 1}: ${problem}`);
  });
  return [
    ...new Set([siteUrl, `${siteUrl}/integrations`, ...(asWritten === undefined ? [] : [asWritten]), ...entries]),
  ];
}

function readCidrs(reader: SettingReader): string[] {
  const cidrs = reader.list('TRUST_PROXY');
  cidrs.forEach((cidr, place) => {
    const [address = '', bits = '0', ...more] = cidr.split('/');
    const family = isIP(address);
    const fits = family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
    if (!fits || more.length > 0) reader.mistakes.add(`TRUST_PROXY, entry ${place + 1}: is no address and no CIDR`);
  });
  return cidrs;
}

function readAuth(reader: SettingReader): AuthConfig {
  const jwksUrl = reader.text('AUTH_JWKS_URL');
  const bearer = readBearerSettings(reader);
  if (jwksUrl === undefined && bearer.jwtSecret === null)
    reader.mistakes.add('AUTH_JWKS_URL or AUTH_JWT_SECRET is missing: without one no caller can be verified');
  if (jwksUrl !== undefined && !isKeySetUrl(jwksUrl, reader.flag('OUTBOUND_ALLOW_PRIVATE')))
    reader.mistakes.add(
      'AUTH_JWKS_URL must be an absolute https URL (http only to loopback, with OUTBOUND_ALLOW_PRIVATE)',
    );
  return { ...bearer, jwksUrl: jwksUrl ?? null };
}

/** The part of the settings that whoever makes bearer tokens needs as well. */
export function readBearerSettings(reader: SettingReader): BearerSettings {
  const jwtSecret = reader.text('AUTH_JWT_SECRET');
  if (jwtSecret !== undefined && Buffer.byteLength(jwtSecret) < SHORTEST_JWT_SECRET_BYTES) {
    reader.mistakes.add(`AUTH_JWT_SECRET is too short: it needs at least ${SHORTEST_JWT_SECRET_BYTES} bytes`);
  }
  const orgClaim = (reader.text('AUTH_ORG_CLAIM') ?? '').split('.');
  if (orgClaim.includes('')) reader.mistakes.add('AUTH_ORG_CLAIM must be a dotted path such as app_metadata.org_id');
  return {
    jwtSecret: jwtSecret ?? null,
    issuer: reader.required('AUTH_ISSUER', 'the `iss` of your bearer tokens'),
    audience: reader.required('AUTH_AUDIENCE', 'the `aud` of your bearer tokens'),
    orgClaim,
  };
}

/** Whoever could change keys on their way could be anyone: plain http is for this machine alone. */
function isKeySetUrl(text: string, allowPrivate: boolean): boolean {
  const url = parseUrl(text);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && allowPrivate && isLoopback(url.hostname));
}

function readLocal(reader: SettingReader, host: string, publicUrl: string): HubConfig['local'] {
  if (!reader.flag('HUB_LOCAL')) return null;
  const publicHost = parseUrl(publicUrl)?.hostname ?? '';
  if (!isLoopback(host) || !isLoopback(publicHost))
    reader.mistakes.add('HUB_LOCAL signs everyone in: it is refused unless HOST and PUBLIC_URL are loopback');
  const orgId = reader.text('HUB_LOCAL_ORG_ID') ?? null;
  if (orgId !== null && parseOrgId(orgId) === undefined) reader.mistakes.add('HUB_LOCAL_ORG_ID must be a UUID');
  return { orgId };
}

/** True for the names and addresses of this machine itself. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
