import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TokenKey } from '@hub/config';
import { TokenVault } from '@hub/token-vault';
import { AUTH } from '../../support/bearer';
import { dataKeysIn } from '../../support/data-keys';
import { freePort } from '../../support/free-port';
import { SandboxAdmin } from '../../support/sandbox-admin';
import { ROOT } from '../servers/launchers';
import type { OwnServers } from '../servers/own-servers';
import { ProveDatabase } from '../servers/prove-database';
import { AppProcess } from './app-process';

const WORKER_READY = /"hub\.worker\.started"/;
const KEY_BYTES = 32;
const LOG_ENTRIES_KEPT = 2_000_000;
const GRANTS_KEPT = 200_000;

export interface HubOptions {
  readonly servers: OwnServers;
  /** Folder of the compiled apps. */
  readonly dist: string;
  /** Where its settings and spools go; removed with the run. */
  readonly workFolder: string;
  /** Where the apps' records go. */
  readonly logFolder: string;
  /** How many refresh workers there are. */
  readonly workers: number;
  readonly syncWorkers?: number;
  readonly deliveryWorkers?: number;
  readonly gateways?: number;
  /** Settings over the usual ones, for all apps. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A key of TOKEN_KEYS in front of the one by which all is wrapped that is seeded. */
  readonly newerKey?: TokenKey;
  /** What the refresh worker of this number has otherwise: scripts loaded before it, and their settings. */
  readonly spoiled?: (worker: number) => Spoiling | undefined;
  /** Where workers find PostgreSQL and Redis, if not at their own addresses: behind a proxy. */
  readonly reach?: { readonly postgresPort?: number; readonly redisPort?: number };
}

/** What is wrong with one worker. */
export interface Spoiling {
  /** A file of test/prove/faults/. */
  readonly preload: string;
  readonly settings: Readonly<Record<string, string>>;
}

const LOGIN_OF = {
  'refresh-worker': 'refreshWorker',
  'metadata-sync-worker': 'syncWorker',
  'delivery-worker': 'deliveryWorker',
} as const;
type WorkerName = keyof typeof LOGIN_OF;

/** One small hub for one scenario: database, corner of Redis, sandbox and worker processes of its own. */
export class ProveHub {
  private constructor(
    readonly servers: OwnServers,
    readonly database: ProveDatabase,
    readonly sandbox: SandboxAdmin,
    readonly vault: TokenVault,
    readonly workers: readonly AppProcess[],
    readonly syncWorkers: readonly AppProcess[],
    readonly deliveryWorkers: readonly AppProcess[],
    readonly gateways: readonly { readonly base: string; readonly process: AppProcess }[],
    private readonly sandboxProcess: AppProcess,
    /** Settings and spools of its apps. */
    readonly folder: string,
  ) {}

  /** Starts the sandbox; the apps are started by the scenario once it has seeded its tokens. */
  static async prepare(options: HubOptions): Promise<ProveHub> {
    const { servers, dist, reach, logFolder } = options;
    mkdirSync(logFolder, { recursive: true });
    const logFile = (name: string): string => path.join(logFolder, `${name}.log`);
    const folder = mkdtempSync(path.join(options.workFolder, 'hub-'));
    const database = await ProveDatabase.clone(servers);
    const sandboxPort = await freePort();
    const sandboxProcess = new AppProcess({
      app: 'sandbox',
      dist,
      environment: {
        ...plain(),
        SANDBOX_PORT: String(sandboxPort),
        SANDBOX_PUBLIC_URL: `http://127.0.0.1:${sandboxPort}`,
        SANDBOX_HISTORY: String(LOG_ENTRIES_KEPT),
        SANDBOX_GRANTS: String(GRANTS_KEPT),
      },
      ready: /sandbox ready/,
      logFile: logFile('sandbox'),
    });
    await sandboxProcess.start();
    const sandbox = new SandboxAdmin(`http://127.0.0.1:${sandboxPort}`);
    const endpointsFile = path.join(folder, 'provider-endpoints.json');
    writeFileSync(endpointsFile, JSON.stringify(await sandbox.endpoints()));
    const key = { id: 'prove1', key: randomBytes(KEY_BYTES) };
    const newer = options.newerKey ? [options.newerKey] : [];
    const common = {
      ...plain(),
      HOST: '127.0.0.1',
      REDIS_URL: withPort(servers.redisUrl, reach?.redisPort),
      REDIS_PREFIX: database.name,
      TOKEN_KEYS: [...newer, key].map(({ id, key: bytes }) => `${id}:${bytes.toString('base64')}`).join(','),
      PROVIDER_ENDPOINTS_FILE: endpointsFile,
      OUTBOUND_ALLOW_PRIVATE: 'true',
      REFRESH_SCAN_EVERY: '30s',
      LOG_LEVEL: 'info',
      ...(await sandbox.credentials()),
      ...options.settings,
    };
    const worker = async (app: WorkerName, place: number): Promise<AppProcess> => {
      const spoiling = app === 'refresh-worker' ? options.spoiled?.(place) : undefined;
      return new AppProcess({
        app,
        dist,
        environment: {
          ...common,
          DATABASE_URL: withPort(database.urlFor(LOGIN_OF[app]), reach?.postgresPort),
          WORKER_HEALTH_PORT: String(await freePort()),
          SPOOL_DIR: path.join(folder, `spool-${app}-${place}`), // a volume that outlives the process
          ...spoiling?.settings,
        },
        ready: WORKER_READY,
        logFile: logFile(`${app}-${place}`),
        preloads: spoiling ? [path.join(ROOT, 'test/prove/faults', spoiling.preload)] : [],
      });
    };
    const gateway = async (place: number): Promise<{ base: string; process: AppProcess }> => {
      const port = await freePort();
      const environment = {
        ...common,
        DATABASE_URL: database.urlFor('gateway'),
        PORT: String(port),
        PUBLIC_URL: options.settings?.['PUBLIC_URL'] ?? `http://localhost:${port}`,
        AUTH_JWT_SECRET: AUTH.secret,
        AUTH_ISSUER: AUTH.issuer,
        AUTH_AUDIENCE: AUTH.audience,
      };
      const process = new AppProcess({
        app: 'gateway',
        dist,
        environment,
        ready: /"hub\.gateway\.started"/,
        logFile: logFile(`gateway-${place}`),
      });
      return { base: `http://127.0.0.1:${port}`, process };
    };
    return new ProveHub(
      servers,
      database,
      sandbox,
      TokenVault.over(
        { tokenKeys: [key, ...newer], keyProvider: 'local' },
        dataKeysIn((sql, values) => database.rows(sql, values)),
      ),
      await Promise.all(counted(options.workers).map((place) => worker('refresh-worker', place))),
      await Promise.all(counted(options.syncWorkers ?? 0).map((place) => worker('metadata-sync-worker', place))),
      await Promise.all(counted(options.deliveryWorkers ?? 0).map((place) => worker('delivery-worker', place))),
      await Promise.all(counted(options.gateways ?? 0).map(gateway)),
      sandboxProcess,
      folder,
    );
  }

  /** Starts every app that does not run yet. */
  async startApps(): Promise<void> {
    await Promise.all(this.apps().map((app) => app.start()));
  }

  /** Stops the refresh workers in good order, so that nothing is under way any more. */
  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  /** Ends everything and removes what it left. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.apps().map((app) => app.kill()));
    await this.sandboxProcess.kill();
    await this.database.drop().catch(() => undefined); // the server may be gone, and its data with it
    rmSync(this.folder, { recursive: true, force: true });
  }

  private apps(): AppProcess[] {
    const workers = [...this.workers, ...this.syncWorkers, ...this.deliveryWorkers];
    return [...workers, ...this.gateways.map(({ process }) => process)];
  }
}

function counted(count: number): number[] {
  return Array.from({ length: count }, (_, place) => place);
}

function withPort(text: string, port: number | undefined): string {
  if (port === undefined) return text;
  const url = new URL(text);
  url.port = String(port);
  return url.href;
}

/** What any program needs; no setting of whoever runs the proof. */
function plain(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
