import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { tellBuild } from './build-info';
import { HubLogger } from './logger';

/** The logger for an app, whose version is told from here on. */
@Global()
@Module({})
export class TelemetryModule {
  static forApp(name: string): DynamicModule {
    tellBuild();
    return {
      module: TelemetryModule,
      providers: [
        {
          provide: HubLogger,
          inject: [HUB_CONFIG],
          useFactory: (config: HubConfig) => HubLogger.forApp(name, config.logLevel),
        },
      ],
      exports: [HubLogger],
    };
  }
}
