import { Module } from '@nestjs/common';
import { DueScanJob } from './due-scan.job';

/** The scan that schedules refreshes. */
@Module({ providers: [DueScanJob], exports: [DueScanJob] })
export class DueScanModule {}
