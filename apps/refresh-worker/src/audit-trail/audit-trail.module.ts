import { Module } from '@nestjs/common';
import { AuditKeeperJob } from './audit-keeper.job';

/** The audit trail's seals and partitions. */
@Module({ providers: [AuditKeeperJob], exports: [AuditKeeperJob] })
export class AuditTrailModule {}
