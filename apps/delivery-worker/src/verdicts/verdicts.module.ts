import { Module } from '@nestjs/common';
import { VerdictsService } from './verdicts.service';

/** Whether a provider is believed when it says that hooks are gone. */
@Module({ providers: [VerdictsService], exports: [VerdictsService] })
export class VerdictsModule {}
