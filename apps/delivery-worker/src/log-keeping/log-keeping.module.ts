import { Module } from '@nestjs/common';
import { LogKeeperJob } from './log-keeper.job';

/** How long the delivery log is kept. */
@Module({ providers: [LogKeeperJob], exports: [LogKeeperJob] })
export class LogKeepingModule {}
