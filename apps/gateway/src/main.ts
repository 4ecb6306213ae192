import './telemetry';
import 'reflect-metadata';
import { ConfigError, readConfig, type HubConfig } from '@hub/config';
import { warnOfPrivate } from '@hub/outbound';
import { configurableProviders } from '@hub/providers';
import { exportMetrics, HubLogger, stopTelemetry, telemetryTellsTo } from '@hub/telemetry';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { GatewayModule } from './gateway.module';
import { addChecks, fastifyServer } from './http/fastify-server';
import { ProblemFilter } from './http/problem.filter';
import { RequestChecks } from './http/request-checks.service';
import { routeDrift, type ServedRoute } from './http/served-routes';
import { ALL_ROUTES } from './routes';

/** What is under way may take so long to end; afterwards the process goes all the same. */
const SHUTDOWN_MS = 25_000;

async function main(): Promise<void> {
  const config = configuration();
  const app = await createGateway(config);
  const logger = app.get(HubLogger);
  telemetryTellsTo(logger);
  let closing = false;
  const close = (signal: string): void => {
    if (closing) return;
    closing = true;
    logger.info('hub.gateway.draining', { signal });
    setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    app
      .close()
      .then(stopTelemetry)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.failure('hub.gateway.close_failed', error);
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
  warnOfPrivate(config.outbound, logger);
  exportMetrics();
  await app.listen(config.port, config.host);
  logger.info('hub.gateway.started', { port: config.port, node: process.version });
}

/** Builds the gateway; @throws Error if a route is served that is not declared, or the other way round */
async function createGateway(config: HubConfig): Promise<NestFastifyApplication> {
  const server = await fastifyServer(config);
  const served: ServedRoute[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'OPTIONS') served.push({ method: one, path: url });
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.of(config),
    new FastifyAdapter(server as never),
    { bufferLogs: true, bodyParser: false, abortOnError: false },
  );
  app.useLogger(app.get(HubLogger));
  app.useGlobalFilters(app.get(ProblemFilter));
  await addChecks(server, app.get(RequestChecks), config);
  await app.init();
  const drift = routeDrift(ALL_ROUTES, served);
  if (drift.length > 0) throw new Error(`The routes have drifted: ${drift.join('; ')}`);
  return app;
}

function configuration(): HubConfig {
  try {
    return readConfig(process.env, { providers: configurableProviders, callers: true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`The gateway cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
