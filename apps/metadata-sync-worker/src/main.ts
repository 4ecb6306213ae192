import './telemetry';
import 'reflect-metadata';
import { readConfig } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { runWorker } from '@hub/worker';
import { NestFactory } from '@nestjs/core';
import { APP, MetadataSyncWorkerModule } from './metadata-sync-worker.module';
import { MetadataSyncWorkerService } from './metadata-sync-worker.service';

void runWorker(
  APP,
  () => readConfig(process.env, { providers: configurableProviders, callers: false }),
  async (config) => {
    const context = await NestFactory.createApplicationContext(MetadataSyncWorkerModule.of(config), {
      logger: HubLogger.forApp(APP, config.logLevel),
      abortOnError: false,
    });
    const worker = context.get(MetadataSyncWorkerService);
    return {
      start: () => worker.start(),
      readiness: () => worker.readiness(),
      wedge: () => worker.wedge(),
      drain: () => worker.drain(),
      close: () => context.close(),
    };
  },
);
