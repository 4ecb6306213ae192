import './telemetry';
import 'reflect-metadata';
import { readConfig } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { runWorker } from '@hub/worker';
import { NestFactory } from '@nestjs/core';
import { APP, RefreshWorkerModule } from './refresh-worker.module';
import { RefreshWorkerService } from './refresh-worker.service';

void runWorker(
  APP,
  () => readConfig(process.env, { providers: configurableProviders, callers: false }),
  async (config) => {
    const context = await NestFactory.createApplicationContext(RefreshWorkerModule.of(config), {
      logger: HubLogger.forApp(APP, config.logLevel),
      abortOnError: false,
    });
    const worker = context.get(RefreshWorkerService);
    return {
      start: () => worker.start(),
      readiness: () => worker.readiness(),
      wedge: () => worker.wedge(),
      drain: () => worker.drain(),
      close: () => context.close(),
    };
  },
);
