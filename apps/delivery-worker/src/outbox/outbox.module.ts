import { Module } from '@nestjs/common';
import { OutboxJob } from './outbox.job';
import { OutboxService } from './outbox.service';

/** The hub's own events on their way from the trail to the deliveries. */
@Module({ providers: [OutboxJob, OutboxService], exports: [OutboxJob, OutboxService] })
export class OutboxModule {}
