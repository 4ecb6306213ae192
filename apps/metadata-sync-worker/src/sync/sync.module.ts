import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { FreshTokenService } from './fresh-token.service';
import { MetadataClient } from './metadata.client';
import { RefusalsService } from './refusals.service';
import { SyncConsumer } from './sync.consumer';
import { SyncService } from './sync.service';

/** Metadata syncs of single integrations. */
@Module({
  imports: [ProvidersModule],
  providers: [FreshTokenService, MetadataClient, RefusalsService, SyncConsumer, SyncService],
  exports: [SyncConsumer, SyncService],
})
export class SyncModule {}
