import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SETTLE_SERVER_TIMEOUTS, settleDataSource } from './data-source';
import { HubDatabase } from './hub-database';
import { RefreshLeaseRepository } from './refresh-lease.repository';

/** The two doors once more, with connections and times of their own. */
class SettlingDatabase extends HubDatabase {}

/** Leases of refreshes, for an app that refreshes; what it settles waits for no connection that claims and looks take. */
@Global()
@Module({})
export class LeaseModule implements OnApplicationShutdown {
  constructor(private readonly modules: ModuleRef) {}

  /** @param name the app's, shown by the server beside its connections */
  static forApp(name: string): DynamicModule {
    return {
      module: LeaseModule,
      providers: [
        {
          provide: SettlingDatabase,
          inject: [HUB_CONFIG],
          useFactory: async (config: HubConfig) =>
            new SettlingDatabase(
              await settleDataSource(config.databaseUrl, `hub-${name}`).initialize(),
              SETTLE_SERVER_TIMEOUTS,
            ),
        },
        {
          provide: RefreshLeaseRepository,
          inject: [HubDatabase, SettlingDatabase],
          useFactory: (database: HubDatabase, settling: SettlingDatabase) =>
            new RefreshLeaseRepository(database, settling),
        },
      ],
      exports: [RefreshLeaseRepository],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.modules.get(SettlingDatabase).close();
  }
}
