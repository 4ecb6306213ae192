import { randomBytes, randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ANYONES, type Account } from '../../support/accounts';
import { AUTH } from '../../support/bearer';
import { Caller } from '../../support/caller';
import { ConnectProxy } from '../../support/connect-proxy';
import { Conformity } from '../../support/conformity';
import { eventually } from '../../support/eventually';
import { OtlpReceiver } from '../../support/otlp-receiver';
import { Person } from '../../support/person';
import { ProveHub } from '../fleet/prove-hub';
import type { Surroundings } from '../scenario';
import type { OwnServers } from '../servers/own-servers';
import { Canaries } from './canaries';
import { GatewayTap } from './gateway-tap';
import { ProviderTap } from './provider-tap';

export const OAUTH = ['shopify', 'notion', 'google_drive'] as const;
export type OAuthId = (typeof OAUTH)[number];

/** PostgreSQL tells all that it can tell: every statement, its parameters, its time. */
const TALKATIVE = {
  log_statement: 'all',
  log_min_duration_statement: 0,
  log_parameter_max_length: -1,
  log_parameter_max_length_on_error: -1,
  log_error_verbosity: 'verbose',
  log_min_messages: 'info',
  log_min_error_statement: 'info',
  log_connections: 'on',
};
const SITE_URL = 'https://app.example';
/** Reached through the proxy alone, which is told the name: the operator vouches for it. */
const KEYS_URL = 'https://keys.issuer.example/jwks.json';

/** Nothing is asked of the document here: callers who do everything wrong meet answers that no route has. */
const ANY_ANSWER = new Conformity({ openapi: '3.1.0', paths: {}, components: { schemas: {} } });

/** Stands openly in whatever the hub writes down about one org; a source without it has not been searched. */
export const CONTROL_ORG = 'the org that all may read';
/** The same for what the provider told of an account. */
export const CONTROL_ACCOUNT = 'the name of an account';
/** The same for problems. */
export const CONTROL_PROBLEM = 'the type of a problem';
/** The same for what apps write of themselves. */
export const CONTROL_START = 'the record of a start';
/** The same for metrics, which tell of no org. */
export const CONTROL_METRIC = 'the name of a metric';

/** A whole hub whose every secret is known, with a line to listen on at either side. */
export class CanaryHub {
  readonly org = randomUUID();

  private constructor(
    readonly servers: OwnServers,
    readonly hub: ProveHub,
    readonly canaries: Canaries,
    readonly provider: ProviderTap,
    readonly gateway: GatewayTap,
    readonly collector: OtlpReceiver,
    readonly proxy: ConnectProxy,
  ) {}

  static async start(surroundings: Surroundings): Promise<CanaryHub> {
    const { atEnd, dist, logFolder, workFolder } = surroundings;
    mkdirSync(logFolder, { recursive: true });
    const log = createWriteStream(path.join(logFolder, 'postgres.log'));
    const servers = await surroundings.ownServers({
      postgresSettings: TALKATIVE,
      onPostgresLine: (line) => void log.write(`${line}\n`),
    });
    const canaries = new Canaries();
    const secrets = secretSettings(canaries);
    const collector = await OtlpReceiver.start();
    atEnd(() => collector.stop());
    // whatever is on this machine is called without it
    const proxy = await ConnectProxy.open(() => 0);
    atEnd(() => proxy.close());
    const endpointsFile = path.join(workFolder, `canary-endpoints-${process.pid}.json`);
    const hub = await ProveHub.prepare({
      servers,
      dist,
      logFolder,
      workFolder,
      workers: 1,
      syncWorkers: 1,
      deliveryWorkers: 1,
      gateways: 1,
      settings: {
        ...secrets,
        ...collector.environment,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canaries.make('password of the collector')}`,
        SITE_URL,
        HTTPS_PROXY: proxy.url(`hub:${canaries.make('password of the proxy')}`),
        AUTH_JWKS_URL: KEYS_URL,
        TRUST_PROXY: '127.0.0.1/32', // callers come from addresses of their own
        PROVIDER_ENDPOINTS_FILE: endpointsFile,
        LOG_LEVEL: 'trace',
      },
    });
    atEnd(() => hub.stop());
    const provider = await ProviderTap.start(hub.sandbox.base, canaries);
    atEnd(() => provider.stop());
    const endpoints = JSON.stringify(await hub.sandbox.endpoints());
    writeFileSync(endpointsFile, endpoints.replaceAll(hub.sandbox.base, provider.base));
    for (const [id, prefix] of [
      ['shopify', 'SHOPIFY'],
      ['notion', 'NOTION'],
      ['google_drive', 'GOOGLE'],
    ] as const)
      // the first secret of the list is not in force yet: every answer comes by the second
      await hub.sandbox.set(id, { clientSecrets: [secrets[`${prefix}_CLIENT_SECRET`]?.split(',')[1]] });
    for (const login of ['gateway', 'refreshWorker', 'syncWorker', 'deliveryWorker'] as const)
      canaries.keep('database password', servers.logins[login].password);
    canaries.keep('database password', decodeURIComponent(new URL(servers.adminUrl).password));
    canaries.keep('Redis password', decodeURIComponent(new URL(servers.redisUrl).password));
    canaries.keep('AUTH_JWT_SECRET', AUTH.secret);
    await hub.startApps();
    const [first] = hub.gateways;
    const gateway = await GatewayTap.start(first?.base ?? '', provider.base, canaries);
    atEnd(() => gateway.stop());
    return new CanaryHub(servers, hub, canaries, provider, gateway, collector, proxy);
  }

  /** The database as its superuser reaches it. */
  get databaseUrl(): string {
    const url = new URL(this.servers.adminUrl);
    url.pathname = `/${this.hub.database.name}`;
    return url.href;
  }

  /** Where people believe the gateway to be. */
  get publicUrl(): string {
    return this.gatewayEnvironment['PUBLIC_URL'] ?? '';
  }

  get gatewayEnvironment(): Readonly<Record<string, string>> {
    return this.hub.gateways[0]?.process.environment ?? {};
  }

  get workerEnvironment(): Readonly<Record<string, string>> {
    return this.hub.workers[0]?.environment ?? {};
  }

  as(org: string = randomUUID()): Caller {
    return new Caller(this.gateway.base, { org }, ANY_ANSWER);
  }

  person(): Person {
    const { publicUrl } = this;
    return new Person({ publicUrl, base: this.gateway.base, sandboxBase: this.provider.base });
  }

  /** Connects an account as a person would. @returns where the browser was sent in the end */
  async connect(caller: Caller, { order, choices }: Account): Promise<string> {
    const person = this.person();
    const authUrl = await person.starts(caller, order);
    if (authUrl.startsWith(SITE_URL)) return authUrl;
    return (await person.opens(authUrl, choices)).sentTo ?? 'nowhere';
  }

  /** Somebody's account, and a caller of an org of its own with it connected. */
  async connected(id: OAuthId, org?: string): Promise<{ caller: Caller; account: Account }> {
    const caller = this.as(org);
    const account = ANYONES[id]();
    const end = await this.connect(caller, account);
    if (!end.includes('success=')) throw new Error(`${id} was not connected: ${end}`);
    return { caller, account };
  }

  /** Forgets that a provider seemed sick, so that the next refresh is asked for. */
  async closeBreakers(): Promise<void> {
    await this.hub.database.rows('delete from public.provider_breakers');
  }

  /** Waits until the trail of a caller's org tells of something. @param pattern of its name, as `like` takes it */
  async event({ claims }: Caller, pattern: string): Promise<void> {
    await eventually(`${pattern} of ${claims.org}`, async () => {
      const rows = await this.hub.database.rows(
        'select 1 from public.audit_events where org_id = $1 and name like $2',
        [claims.org, pattern],
      );
      return rows.length > 0;
    });
  }

  /** How often each event was told, over all orgs. */
  async toldEvents(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.hub.database.rows<{ name: string; count: string }>(
      'select name, count(*) from public.audit_events group by name',
    );
    return new Map(rows.map(({ name, count }) => [name, Number(count)]));
  }
}

/** Settings that are secret, each a new one, the lists with more than one. */
function secretSettings(canaries: Canaries): Record<string, string> {
  const pairs = ['SHOPIFY', 'NOTION', 'GOOGLE'].map((prefix) => [
    `${prefix}_CLIENT_SECRET`,
    `${canaries.make('client secret')},${canaries.make('client secret')}`,
  ]);
  const keys = ['canary2', 'canary1'].map((id) => {
    const key = randomBytes(32);
    canaries.keep('TOKEN_KEYS key', key.toString('base64'));
    canaries.keep('TOKEN_KEYS key', key.toString('hex'));
    return `${id}:${key.toString('base64')}`;
  });
  return { ...(Object.fromEntries(pairs) as Record<string, string>), TOKEN_KEYS: keys.join(',') };
}
