import { ProvidersModule } from '@hub/providers';
import { Module } from '@nestjs/common';
import { GrantReturnService } from './grant-return.service';
import { RevocationConsumer } from './revocation.consumer';
import { RevocationService } from './revocation.service';

/** Grants on their way back to their providers. */
@Module({
  imports: [ProvidersModule],
  providers: [GrantReturnService, RevocationConsumer, RevocationService],
  exports: [RevocationConsumer, RevocationService],
})
export class RevocationModule {}
