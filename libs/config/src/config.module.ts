import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { HubConfig } from './hub-config';
import { HUB_CONFIG } from './hub-config.token';

/** Hands the configuration, read once at start, to whoever injects {@link HUB_CONFIG}. */
@Global()
@Module({})
export class ConfigModule {
  static of(config: HubConfig): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: HUB_CONFIG, useValue: config }], exports: [HUB_CONFIG] };
  }
}
