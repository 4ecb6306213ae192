import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { JobConsumer } from './job.consumer';
import { JobProducer } from './job.producer';
import { RedisConnections } from './redis-connections';
import { RefreshScanScheduler } from './refresh-scan.scheduler';

/** The doorbell for an app: who rings, and who listens. Drain consumers before this module shuts down. */
@Global()
@Module({
  providers: [
    {
      provide: RedisConnections,
      inject: [HUB_CONFIG, HubLogger],
      useFactory: (config: HubConfig, logger: HubLogger) => new RedisConnections(config, logger),
    },
    {
      provide: JobProducer,
      inject: [HUB_CONFIG, RedisConnections, HubLogger],
      useFactory: (config: HubConfig, connections: RedisConnections, logger: HubLogger) =>
        new JobProducer(config, connections, logger),
    },
    {
      provide: JobConsumer,
      inject: [HUB_CONFIG, RedisConnections, JobProducer, HubLogger],
      useFactory: (config: HubConfig, connections: RedisConnections, producer: JobProducer, logger: HubLogger) =>
        new JobConsumer(config, connections, producer, logger),
    },
    {
      provide: RefreshScanScheduler,
      inject: [HUB_CONFIG, RedisConnections, HubLogger],
      useFactory: (config: HubConfig, connections: RedisConnections, logger: HubLogger) =>
        new RefreshScanScheduler(config, connections, logger),
    },
  ],
  exports: [RedisConnections, JobProducer, JobConsumer, RefreshScanScheduler],
})
export class QueuesModule implements OnApplicationShutdown {
  constructor(
    private readonly connections: RedisConnections,
    private readonly producer: JobProducer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.producer.close();
    this.connections.close();
  }
}
