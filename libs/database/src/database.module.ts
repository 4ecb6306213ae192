import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { AUDIT_KEY_STORE, AuditVault, DATA_KEY_STORE } from '@hub/token-vault';
import {
  Global,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AuditChainRepository } from './audit-chain.repository';
import { AuditRepository } from './audit.repository';
import { AwaitedWork } from './awaited-work.service';
import { BreakerRepository } from './breaker.repository';
import { ConsoleSessionRepository } from './console-session.repository';
import { DataKeyRepository } from './data-key.repository';
import { DeadLetterRepository } from './dead-letter.repository';
import { DeliveryFiguresRepository } from './delivery-figures.repository';
import { DeliverySettingsRepository } from './delivery-settings.repository';
import { DeliveryRepository } from './delivery.repository';
import { DueNotices } from './due-notices.client';
import { DueRepository } from './due.repository';
import { EventNotices } from './event-notices.client';
import { FlowRepository } from './flow.repository';
import { HookVerdictRepository } from './hook-verdict.repository';
import { HubDatabase } from './hub-database';
import { IntegrationRepository } from './integration.repository';
import { KeyRotationRepository } from './key-rotation.repository';
import { LiveTrailRepository } from './live-trail.repository';
import { RevocationRepository } from './revocation.repository';
import { awaitSchema } from './schema-gate';
import { SyncRepository } from './sync.repository';
import { presetTrail } from './trail-metrics';

const REPOSITORIES = [
  AuditChainRepository,
  BreakerRepository,
  DataKeyRepository,
  DeadLetterRepository,
  DeliveryFiguresRepository,
  DeliveryRepository,
  DeliverySettingsRepository,
  DueRepository,
  HookVerdictRepository,
  KeyRotationRepository,
  LiveTrailRepository,
  RevocationRepository,
  SyncRepository,
];

/** Those whose events tell of people: they need a key for the trail, where the app has a vault. */
const TELLING_OF_PEOPLE = [AuditRepository, ConsoleSessionRepository, FlowRepository, IntegrationRepository];

/** The data for an app: the two doors, and a repository for each conversation. */
@Global()
@Module({})
export class DatabaseModule implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly modules: ModuleRef) {}

  /** @param name the app's, shown by the server beside its connections */
  static forApp(name: string): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        {
          provide: HubDatabase,
          inject: [HUB_CONFIG],
          useFactory: (config: HubConfig) => HubDatabase.open(config.databaseUrl, `hub-${name}`),
        },
        {
          provide: DueNotices,
          inject: [HUB_CONFIG, HubDatabase],
          useFactory: (config: HubConfig, database: HubDatabase) =>
            new DueNotices(config.databaseNoticesUrl, `hub-${name}-notices`, database),
        },
        {
          provide: EventNotices,
          inject: [HUB_CONFIG, HubDatabase],
          useFactory: (config: HubConfig, database: HubDatabase) =>
            new EventNotices(config.databaseNoticesUrl, `hub-${name}-events`, database),
        },
        ...REPOSITORIES.map((repository) => ({
          provide: repository,
          inject: [HubDatabase],
          useFactory: (database: HubDatabase) => new repository(database),
        })),
        ...TELLING_OF_PEOPLE.map((repository) => ({
          provide: repository,
          inject: [HubDatabase, { token: AuditVault, optional: true }],
          useFactory: (database: HubDatabase, vault?: AuditVault) => new repository(database, vault),
        })),
        {
          provide: AwaitedWork,
          inject: [IntegrationRepository],
          useFactory: (integrations: IntegrationRepository) => new AwaitedWork(integrations),
        },
        {
          provide: AUDIT_KEY_STORE,
          inject: [HubDatabase],
          useFactory: (database: HubDatabase) => new DataKeyRepository(database, 'audit'),
        },
        { provide: DATA_KEY_STORE, useExisting: DataKeyRepository },
      ],
      exports: [
        HubDatabase,
        DueNotices,
        EventNotices,
        DATA_KEY_STORE,
        AUDIT_KEY_STORE,
        AwaitedWork,
        ...TELLING_OF_PEOPLE,
        ...REPOSITORIES,
      ],
    };
  }

  /** No app begins before the schema of its release is there. */
  async onModuleInit(): Promise<void> {
    await awaitSchema(this.modules.get(HubDatabase), this.modules.get(HubLogger, { strict: false }));
  }

  onApplicationBootstrap(): void {
    presetTrail();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.modules.get(DueNotices).close(), this.modules.get(EventNotices).close()]);
    await this.modules.get(HubDatabase).close();
  }
}
