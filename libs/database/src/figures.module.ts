import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { figuresDataSource } from './data-source';
import { FleetFiguresRepository } from './fleet-figures.repository';
import { HubDatabase } from './hub-database';

/** Figures of all orgs, for an app that tells them. They have a connection of their own, from the first time that somebody asks. */
@Global()
@Module({})
export class FiguresModule implements OnApplicationShutdown {
  constructor(private readonly modules: ModuleRef) {}

  /** @param name the app's, shown by the server beside its connection */
  static forApp(name: string): DynamicModule {
    return {
      module: FiguresModule,
      providers: [
        {
          provide: FleetFiguresRepository,
          inject: [HUB_CONFIG],
          useFactory: (config: HubConfig) =>
            new FleetFiguresRepository(
              async () => new HubDatabase(await figuresDataSource(config.databaseUrl, `hub-${name}`).initialize()),
            ),
        },
      ],
      exports: [FleetFiguresRepository],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.modules.get(FleetFiguresRepository).close();
  }
}
