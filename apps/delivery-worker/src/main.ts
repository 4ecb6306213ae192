import './telemetry';
import 'reflect-metadata';
import { readConfig } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { runWorker } from '@hub/worker';
import { NestFactory } from '@nestjs/core';
import { APP, DeliveryWorkerModule } from './delivery-worker.module';
import { DeliveryWorkerService } from './delivery-worker.service';

void runWorker(
  APP,
  () => readConfig(process.env, { providers: configurableProviders, callers: false }),
  async (config) => {
    const context = await NestFactory.createApplicationContext(DeliveryWorkerModule.of(config), {
      logger: HubLogger.forApp(APP, config.logLevel),
      abortOnError: false,
    });
    const worker = context.get(DeliveryWorkerService);
    return {
      start: () => worker.start(),
      readiness: () => worker.readiness(),
      wedge: () => worker.wedge(),
      drain: () => worker.drain(),
      close: () => context.close(),
    };
  },
);
