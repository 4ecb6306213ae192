import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppLogin } from '@hub/database';
import { Redis } from 'ioredis';
import { launchers, ROOT, type Login, type RunningServer, type ServerGuard, type ServerSpec } from './launchers';

const TEMPLATE = 'hub_template';
const MOST_CONNECTIONS = 400;
const START_TRIES = 40;
const START_PAUSE_MS = 250;

/** A server that a scenario may stop, kill and start again; its port and its data stay. */
class OwnServer {
  private run: RunningServer | undefined;

  constructor(
    private readonly spec: ServerSpec,
    private readonly guard: ServerGuard,
    private readonly onLine: (line: string) => void = () => undefined,
  ) {}

  async start(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      await this.spec.beforeStart?.();
      const run = new (launchers().Child)(this.spec, { guard: this.guard, onLine: this.onLine });
      this.run = run;
      if ((await run.becomesReady()).ready) return;
      await run.stop();
      if (tries === START_TRIES) throw new Error(`${this.spec.name} does not start:\n${run.tail.join('\n')}`);
      await sleep(START_PAUSE_MS);
    }
  }

  /** Ends it by one signal, and comes back once it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { run } = this;
    if (!run?.pid || run.hasEnded) return;
    process.kill(run.pid, signal);
    await run.ended;
  }

  async stop(): Promise<void> {
    await this.run?.stop();
  }
}

/** How a scenario's own servers differ from the usual ones. */
export interface ServerWishes {
  /** Settings of PostgreSQL, such as `log_statement`. */
  readonly postgresSettings?: Readonly<Record<string, string | number>>;
  /** Hears every line that PostgreSQL writes into its log. */
  readonly onPostgresLine?: (line: string) => void;
}

/** A PostgreSQL and a Redis of a scenario's own, which it may take away and bring back. */
export class OwnServers {
  private constructor(
    readonly adminUrl: string,
    readonly redisUrl: string,
    readonly logins: Readonly<Record<AppLogin, Login>>,
    private readonly postgres: OwnServer,
    private readonly redis: OwnServer,
    readonly postgresFolder: string,
    readonly redisFolder: string,
    private readonly guard: ServerGuard,
  ) {}

  /** A migrated database to clone. */
  readonly template = TEMPLATE;

  /** Starts both, durable as in real life: a commit that was acknowledged outlives a crash of the server. */
  static async start({ postgresSettings = {}, onPostgresLine }: ServerWishes = {}): Promise<OwnServers> {
    const launch = launchers();
    const guard = new launch.Guard();
    const folder = makeFolder(guard);
    const secret = (): string => randomBytes(24).toString('base64url');
    const [postgresPort, redisPort] = [await launch.drawPort(), await launch.drawPort()];
    const passwords = { postgres: secret(), redis: secret() };
    const postgresFolder = launch.placeForPostgres(folder);
    if (path.dirname(postgresFolder) !== folder) guard.removeAtEnd(path.dirname(postgresFolder));
    const redisFolder = path.join(folder, 'redis');
    const postgres = new OwnServer(
      await launch.preparePostgres({
        folder: postgresFolder,
        port: postgresPort,
        password: passwords.postgres,
        lasting: true,
        settings: { max_connections: MOST_CONNECTIONS, ...postgresSettings },
      }),
      guard,
      onPostgresLine,
    );
    const redis = new OwnServer(
      await launch.prepareRedis({
        folder: redisFolder,
        cacheFolder: path.join(ROOT, '.cache'),
        port: redisPort,
        password: passwords.redis,
        lasting: true,
        ...(process.env['HUB_REDIS_MODE'] && { mode: process.env['HUB_REDIS_MODE'] }),
      }),
      guard,
    );
    const at = { port: postgresPort, password: passwords.postgres };
    const logins = {
      gateway: { user: 'hub_gateway_prove', password: secret() },
      refreshWorker: { user: 'hub_refresh_worker_prove', password: secret() },
      syncWorker: { user: 'hub_sync_worker_prove', password: secret() },
      deliveryWorker: { user: 'hub_delivery_worker_prove', password: secret() },
    };
    try {
      await Promise.all([postgres.start(), redis.start()]);
      await launch.provision({ adminUrl: launch.adminUrl({ ...at, database: TEMPLATE }), logins });
    } catch (error) {
      await Promise.allSettled([postgres.stop(), redis.stop()]);
      await guard.close();
      throw error;
    }
    return new OwnServers(
      launch.adminUrl({ ...at, database: 'postgres' }),
      launch.redisUrl({ port: redisPort, password: passwords.redis }),
      logins,
      postgres,
      redis,
      postgresFolder,
      redisFolder,
      guard,
    );
  }

  /** PostgreSQL ends at once, without a checkpoint, as `pg_ctl stop -m immediate` does; every connection is cut. */
  async crashPostgres(): Promise<void> {
    await this.postgres.end('SIGQUIT');
  }

  async startPostgres(): Promise<void> {
    await this.postgres.start();
  }

  async killRedis(): Promise<void> {
    await this.redis.end('SIGKILL');
  }

  async startRedis(): Promise<void> {
    await this.redis.start();
  }

  /** Redis crashes and comes back after `awayMs` with nothing of what it held. */
  async wipeRedis(awayMs: number): Promise<void> {
    await this.killRedis();
    rmSync(path.join(this.redisFolder, 'appendonlydir'), { recursive: true, force: true });
    rmSync(path.join(this.redisFolder, 'dump.rdb'), { force: true });
    await sleep(awayMs);
    await this.startRedis();
  }

  /** Forgets every key, while all connections live on. @returns how many there were */
  async flushRedis(): Promise<number> {
    const redis = new Redis(this.redisUrl, { maxRetriesPerRequest: 1, lazyConnect: true });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      const keys = await redis.dbsize();
      await redis.flushall();
      return keys;
    } finally {
      redis.disconnect();
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([this.postgres.stop(), this.redis.stop()]);
    await this.guard.close(); // which removes the folder
  }
}

function makeFolder(guard: ServerGuard): string {
  const parent = path.join(ROOT, '.hub-test');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(path.join(parent, `${process.pid}-`));
  chmodSync(folder, 0o711); // as root, PostgreSQL's user passes through
  guard.removeAtEnd(folder);
  return folder;
}
