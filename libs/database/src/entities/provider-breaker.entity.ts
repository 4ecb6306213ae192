import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { oneOf } from './one-of';
import { ProviderEntity } from './provider.entity';

/** A row of `provider_breakers`: a breaker that stands open, or stood open once. */
@Entity('provider_breakers')
@Check('provider_breakers_reason_check', oneOf('reason', ['outage', 'refused_client', 'mass_verdict']))
export class ProviderBreakerEntity {
  @ForeignKey(() => ProviderEntity, { name: 'provider_breakers_provider_fkey' })
  @PrimaryColumn('text')
  provider: string;
  @PrimaryColumn('text', { name: 'client_id' }) clientId: string;
  @Column('text') reason: string;
  @Column('timestamptz', { name: 'opened_at', default: () => 'now()' }) openedAt: Date;
  @Column('integer', { default: 0 }) probes: number;
  @Column('timestamptz', { name: 'probe_at' }) probeAt: Date;
  @Column('timestamptz', { name: 'closed_at', nullable: true }) closedAt: Date | null;
}
