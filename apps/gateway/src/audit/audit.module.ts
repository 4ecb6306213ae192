import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller';
import { TrailReadingService } from './trail-reading.service';

/** The org's own audit trail. */
@Module({ imports: [ProvidersModule], controllers: [AuditController], providers: [TrailReadingService] })
export class AuditModule {}
