import { ConfigError, type HubConfig } from '@hub/config';
import { warnOfPrivate } from '@hub/outbound';
import {
  exportMetrics,
  HealthServer,
  HubLogger,
  stopTelemetry,
  telemetryTellsTo,
  type Readiness,
} from '@hub/telemetry';

/** What a worker app hands to its process. */
export interface WorkerApp {
  /** Begins to take work. */
  start(): Promise<void> | void;
  /** Whether work may come: asked by the health page. */
  readiness(): Promise<Readiness>;
  /** Why the process is to be started anew although its event loop turns: asked by the health page. */
  wedge(): string | undefined;
  /** Takes no more work, and comes back once what is under way has ended. */
  drain(): Promise<void>;
  /** Lets go of everything else. */
  close(): Promise<void>;
}

/** Kubernetes waits 75 s; what is not over by then is cut off here, with time left to say so. */
const STOP_WITHIN_MS = 65_000;
/** A second signal means it, but what was sent to a provider is finished all the same: a call (15 s) and its commit (5 s). */
const HURRIED_STOP_MS = 25_000;

/**
 * A worker from its start to its end: settings, app, health pages, work; at SIGTERM or SIGINT no more work, then what is
 * under way, then exit.
 *
 * @param name     the app's, in every record
 * @param settings reads the configuration
 * @param boot     makes the app
 */
export async function runWorker(
  name: string,
  settings: () => HubConfig,
  boot: (config: HubConfig) => Promise<WorkerApp>,
): Promise<void> {
  const config = readOrExit(settings);
  const logger = HubLogger.forApp(name, config.logLevel);
  telemetryTellsTo(logger);
  dieOnce(logger);
  try {
    await new WorkerProcess(logger, await boot(config)).live(config);
  } catch (error) {
    logger.failure('hub.worker.start_failed', error);
    exitSoon(1);
  }
}

class WorkerProcess {
  private readonly health: HealthServer;
  private state: 'starting' | 'working' | 'draining' = 'starting';

  constructor(
    private readonly logger: HubLogger,
    private readonly app: WorkerApp,
  ) {
    this.health = new HealthServer(
      () => (this.state === 'working' ? app.readiness() : Promise.resolve({ ready: false, reason: this.state })),
      () => app.wedge(),
    );
  }

  async live(config: HubConfig): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.onSignal(signal));
    warnOfPrivate(config.outbound, this.logger);
    await this.health.listen(config.host, config.workerHealthPort);
    exportMetrics();
    await this.app.start();
    if (this.state === 'starting') this.state = 'working';
    this.logger.info('hub.worker.started');
  }

  private async onSignal(signal: string): Promise<void> {
    const isFirst = this.state !== 'draining';
    this.state = 'draining';
    setTimeout(() => this.giveUp(), isFirst ? STOP_WITHIN_MS : HURRIED_STOP_MS).unref();
    if (!isFirst) return;
    this.logger.info('hub.worker.draining', { signal });
    for (const end of [() => this.app.drain(), () => this.app.close(), () => this.health.close(), stopTelemetry])
      await end().catch((error: unknown) => this.logger.failure('hub.worker.stop_failed', error));
    this.logger.info('hub.worker.stopped');
    exitSoon(0);
  }

  private giveUp(): void {
    this.logger.warning('hub.worker.cut_off');
    exitSoon(1);
  }
}

function readOrExit(settings: () => HubConfig): HubConfig {
  try {
    return settings();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** What nobody expected leaves the process in a state that nobody knows: it says so once and ends; the rows tell what is to be done again. */
function dieOnce(logger: HubLogger): void {
  let isDying = false;
  const die = (error: unknown): void => {
    if (isDying) return;
    isDying = true;
    logger.failure('hub.worker.crashed', error);
    exitSoon(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

/** Standard output may be a pipe that is written to later: the last record gets a moment. */
function exitSoon(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(code), 50);
}
