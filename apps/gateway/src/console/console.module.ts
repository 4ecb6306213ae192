import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { ConsoleFiles } from './console-files.service';
import { ConsoleController } from './console.controller';

/** The page people see, as Vite has built it. */
@Module({ imports: [ProvidersModule], providers: [ConsoleFiles], controllers: [ConsoleController] })
export class ConsoleModule {}
