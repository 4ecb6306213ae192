import type { HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { GatewayModule } from './gateway.module';
import { addChecks, fastifyServer } from './http/fastify-server';
import { ProblemFilter } from './http/problem.filter';
import { RequestChecks } from './http/request-checks.service';
import { routeDrift, type ServedRoute } from './http/served-routes';
import { ALL_ROUTES } from './routes';

/** Builds the gateway; the caller listens and closes. @throws Error if a route is served that is not declared, or the other way round */
export async function createGateway(config: HubConfig): Promise<NestFastifyApplication> {
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
  addChecks(server, app.get(RequestChecks));
  await app.init();
  const drift = routeDrift(ALL_ROUTES, served);
  if (drift.length > 0) throw new Error(`The routes have drifted: ${drift.join('; ')}`);
  return app;
}
