import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller';

/** The org's own audit trail. */
@Module({ imports: [ProvidersModule], controllers: [AuditController] })
export class AuditModule {}
