import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { DeadLettersController } from './dead-letters.controller';
import { DeadLettersService } from './dead-letters.service';

/** Jobs that ran out of tries. */
@Module({ imports: [ProvidersModule], controllers: [DeadLettersController], providers: [DeadLettersService] })
export class DeadLettersModule {}
