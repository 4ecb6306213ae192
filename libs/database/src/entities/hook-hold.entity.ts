import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { ProviderEntity } from './provider.entity';

/** A row of `hook_holds`: a provider whose word that hooks are gone is not believed, or was not believed once. */
@Entity('hook_holds')
export class HookHoldEntity {
  @ForeignKey(() => ProviderEntity, { name: 'hook_holds_provider_fkey' })
  @PrimaryColumn('text')
  provider: string;
  @Column('timestamptz', { name: 'opened_at', default: () => 'now()' }) openedAt: Date;
  @Column('timestamptz', { name: 'closed_at', nullable: true }) closedAt: Date | null;
}
