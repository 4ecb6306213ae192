import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { LiveFeed } from './live-feed.service';
import { LiveStatusSocket } from './live-status.socket';

/** What happens to the integrations of an org, as it happens. */
@Module({ imports: [ProvidersModule], controllers: [LiveStatusSocket], providers: [LiveFeed] })
export class LiveStatusModule {}
