import { Module } from '@nestjs/common';
import { RotationJob } from './rotation.job';
import { RotationService } from './rotation.service';

/** Keys that are replaced while everything goes on. */
@Module({ providers: [RotationService, RotationJob], exports: [RotationService, RotationJob] })
export class RotationModule {}
