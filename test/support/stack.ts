import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AppLogin } from '@hub/database';
import { AUTH, type Claims } from './bearer';
import { Caller, type EventBody, type IntegrationBody } from './caller';
import { Conformity, type OpenApiDocument } from './conformity';
import { eventually } from './eventually';
import { freePort } from './free-port';
import { HubProcess } from './hub-process';
import { Person, parametersOf, type Choices } from './person';
import { SandboxAdmin } from './sandbox-admin';
import { TestDatabase } from './test-database';
import { testServers } from './test-servers';

const WORKERS = ['refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const;

/** The hub's own apps. */
export type AppName = 'gateway' | (typeof WORKERS)[number];

const LOGIN_OF: Record<AppName, AppLogin> = {
  gateway: 'gateway',
  'refresh-worker': 'refreshWorker',
  'metadata-sync-worker': 'syncWorker',
  'delivery-worker': 'deliveryWorker',
};

export interface StackOptions {
  /** Which apps run; all unless said otherwise. The sandbox always does. */
  readonly apps?: readonly AppName[];
  /** Apps of another release, by the folder in which it was compiled. */
  readonly roots?: Readonly<Partial<Record<AppName, string>>>;
  /** Settings over the usual ones, for all apps; `null` takes one away. */
  readonly env?: Readonly<Record<string, string | null>>;
  /** Scripts that are loaded before each app of the hub, relative to the checkout. */
  readonly preloads?: readonly string[];
  /** By which URL an app reaches its database, made of the one that leads straight there. */
  readonly databaseUrl?: (straight: string) => string;
  /** What must be in the database before the apps start. */
  readonly prepare?: (database: TestDatabase) => Promise<unknown>;
}

/** Which event is waited for. */
export interface WantedEvent {
  /** Only after this `seq`. */
  readonly after?: number;
  readonly provider?: string;
  readonly where?: (event: EventBody) => boolean;
  readonly withinMs?: number;
}

/** The product's site: not the hub, so that a browser which is sent there has come to the end. */
export const SITE_URL = 'https://app.example';
/** One more return URL, with a query of its own. */
export const RETURN_URL = 'https://app.example/settings?tab=apps';

/** A whole hub for one test file: database, queues, sandbox and apps of its own, each app a process. */
export class Stack {
  readonly publicUrl: string;
  readonly base: string;
  readonly sandbox: SandboxAdmin;
  private theConformity: Conformity | undefined;

  private constructor(
    readonly database: TestDatabase,
    readonly redis: { readonly url: string; readonly prefix: string },
    private readonly processes: Map<AppName | 'sandbox', HubProcess>,
    /** What the apps were started with. */
    readonly environment: Readonly<Record<string, string>>,
    sandboxPort: number,
    private readonly folder: string,
  ) {
    this.publicUrl = environment['PUBLIC_URL'] ?? '';
    this.base = `http://127.0.0.1:${environment['PORT']}`;
    this.sandbox = new SandboxAdmin(`http://127.0.0.1:${sandboxPort}`);
  }

  static async start({
    apps = ['gateway', ...WORKERS],
    roots = {},
    env = {},
    preloads = [],
    databaseUrl = (straight) => straight,
    prepare,
  }: StackOptions = {}): Promise<Stack> {
    const servers = testServers();
    const [database, folder, port, sandboxPort, ...workerPorts] = await Promise.all([
      TestDatabase.clone(servers),
      mkdtemp(path.join(tmpdir(), 'hub-e2e-')),
      env['PORT'] ? Number(env['PORT']) : freePort(),
      freePort(),
      ...WORKERS.map(freePort),
    ]);
    await prepare?.(database);
    const redis = { url: servers.redisUrl, prefix: `e2e-${randomBytes(6).toString('hex')}` };
    const sandbox = new HubProcess({
      app: 'sandbox',
      environment: { ...plain(), SANDBOX_PORT: String(sandboxPort), LOG_LEVEL: 'info' },
      readyUrl: `http://127.0.0.1:${sandboxPort}/admin/ready`,
    });
    await sandbox.start();
    const settings = await settingsOf({ port, sandboxPort, folder, redis, env });
    const processes = new Map<AppName | 'sandbox', HubProcess>([['sandbox', sandbox]]);
    for (const app of apps) {
      const place = WORKERS.findIndex((worker) => worker === app);
      const healthPort = place < 0 ? port : (workerPorts[place] ?? 0);
      processes.set(
        app,
        new HubProcess({
          app,
          environment: {
            ...settings,
            DATABASE_URL: databaseUrl(database.urlFor(LOGIN_OF[app])),
            WORKER_HEALTH_PORT: String(healthPort),
          },
          readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
          preloads,
          ...(roots[app] !== undefined && { root: roots[app] }),
        }),
      );
    }
    const stack = new Stack(database, redis, processes, settings, sandboxPort, folder);
    await Promise.all(apps.map((app) => stack.process(app).start())).catch(async (error: unknown) => {
      await stack.killAll();
      throw error;
    });
    if (apps.includes('gateway')) await stack.readDocument();
    return stack;
  }

  private async readDocument(): Promise<void> {
    const answer = await fetch(`${this.base}/openapi.json`);
    this.theConformity = new Conformity((await answer.json()) as OpenApiDocument);
  }

  /** The document that every answer is held against. */
  get conformity(): Conformity {
    if (!this.theConformity) throw new Error('this stack runs no gateway');
    return this.theConformity;
  }

  /** One of its processes, to be killed, stopped, started or read. */
  process(app: AppName | 'sandbox'): HubProcess {
    const found = this.processes.get(app);
    if (!found) throw new Error(`this stack runs no ${app}`);
    return found;
  }

  /** Stops an app by SIGTERM and starts it again with other settings over those it had; `null` takes one away. */
  async restart(app: AppName, env: Readonly<Record<string, string | null>> = {}): Promise<void> {
    const before = this.process(app);
    await before.stop();
    const after = new HubProcess({ ...before.spec, environment: setOnly({ ...before.spec.environment, ...env }) });
    this.processes.set(app, after);
    await after.start();
  }

  /** Stops an app of another release by SIGTERM and starts that of this checkout in its place. */
  async upgrade(app: AppName): Promise<void> {
    const before = this.process(app);
    await before.stop();
    const { root: _root, ...spec } = before.spec;
    const after = new HubProcess(spec);
    this.processes.set(app, after);
    await after.start();
  }

  /** A caller of an org; without one, of an org that nobody else has. */
  as(org: string = randomUUID(), claims: Omit<Claims, 'org'> = {}): Caller {
    return new Caller(this.base, { org, ...claims }, this.conformity);
  }

  /** Somebody with a browser that knows nothing yet. @param others places beside hub and sandbox whose pages are walked */
  person(...others: readonly string[]): Person {
    return new Person({ publicUrl: this.publicUrl, base: this.base, sandboxBase: this.sandbox.base, others });
  }

  /**
   * Connects a provider as a person would, and leaves the browser at the product's site.
   *
   * @param order what is sent to the connect route
   * @throws Error if it does not come back with success
   */
  async connect(
    caller: Caller,
    order: { provider: string } & Readonly<Record<string, unknown>>,
    choices: Choices = {},
  ): Promise<IntegrationBody> {
    const person = this.person();
    const authUrl = await person.starts(caller, order);
    const site = `${this.environment['SITE_URL'] ?? this.publicUrl}/integrations`;
    const sentTo = authUrl.startsWith(site) ? authUrl : (await person.opens(authUrl, choices)).sentTo;
    if (sentTo === undefined || parametersOf(sentTo)['success'] !== order.provider)
      throw new Error(`${order.provider} was not connected: ${sentTo ?? 'no way back'}`);
    return (await caller.read(order.provider)).body;
  }

  /** The org's whole trail, oldest first. */
  async trail(caller: Caller): Promise<EventBody[]> {
    const events: EventBody[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await caller.audit(`?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`);
      events.push(...page.body.events);
      cursor = page.body.nextCursor;
    }
    return events.reverse();
  }

  /** Waits until the org's trail tells of something. */
  async event(caller: Caller, name: string, wanted: WantedEvent = {}): Promise<EventBody> {
    const { after = 0, provider, where = () => true, withinMs } = wanted;
    return eventually(
      `the event ${name}`,
      async () => {
        const { body } = await caller.audit('?limit=200');
        return body.events
          .filter((event) => event.name === name && event.seq > after)
          .filter((event) => (provider === undefined || event.provider === provider) && where(event))
          .at(-1);
      },
      withinMs === undefined ? {} : { withinMs },
    );
  }

  /** The last `seq` of an org. */
  async lastSeq(caller: Caller): Promise<number> {
    return (await caller.audit('?limit=1')).body.events[0]?.seq ?? 0;
  }

  /** Ends everything and removes what it left. @throws Error if an app does not end by itself with exit code 0 */
  async stop(): Promise<void> {
    const apps = [...this.processes].filter(([name]) => name !== 'sandbox').map(([, process]) => process);
    const ends = await Promise.allSettled(apps.map((process) => process.stop()));
    await this.killAll();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  private async killAll(): Promise<void> {
    await Promise.all([...this.processes.values()].map((process) => process.kill()));
    await Promise.all([this.database.drop(), rm(this.folder, { recursive: true, force: true })]);
  }
}

interface SettingsNeeds {
  readonly port: number;
  readonly sandboxPort: number;
  readonly folder: string;
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly env: Readonly<Record<string, string | null>>;
}

async function settingsOf({ port, sandboxPort, folder, redis, env }: SettingsNeeds): Promise<Record<string, string>> {
  const sandbox = new SandboxAdmin(`http://127.0.0.1:${sandboxPort}`);
  const endpointsFile = path.join(folder, 'provider-endpoints.json');
  await writeFile(endpointsFile, JSON.stringify(await sandbox.endpoints()).replaceAll('//localhost:', '//127.0.0.1:'));
  const settings: Record<string, string | null> = {
    ...plain(),
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: `http://localhost:${port}`,
    SITE_URL,
    REDIRECT_ALLOWLIST: RETURN_URL,
    TRUST_PROXY: '127.0.0.1/32', // callers and people come from addresses of their own
    REDIS_URL: redis.url,
    REDIS_PREFIX: redis.prefix,
    AUTH_JWT_SECRET: AUTH.secret,
    AUTH_ISSUER: AUTH.issuer,
    AUTH_AUDIENCE: AUTH.audience,
    TOKEN_KEYS: `test1:${randomBytes(32).toString('base64')}`,
    PROVIDER_ENDPOINTS_FILE: endpointsFile,
    OUTBOUND_ALLOW_PRIVATE: 'true',
    SPOOL_DIR: path.join(folder, 'spool'),
    LOG_LEVEL: 'info',
    ...(await sandbox.credentials()),
    ...env,
  };
  return setOnly(settings);
}

function setOnly(settings: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** What any program needs; no setting of whoever runs the tests. */
function plain(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
