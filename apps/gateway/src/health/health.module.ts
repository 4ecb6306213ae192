import { Module } from '@nestjs/common';
import { HealthController } from './health.controller';

/** The gateway's own health pages. */
@Module({ controllers: [HealthController] })
export class HealthModule {}
