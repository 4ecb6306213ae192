import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `provider_breakers`: a breaker that stands open. */
@Entity('provider_breakers')
export class ProviderBreakerEntity {
  @PrimaryColumn('text') provider: string;
  @PrimaryColumn('text', { name: 'client_id' }) clientId: string;
  @Column('text') reason: string;
  @Column('timestamptz', { name: 'opened_at', default: () => 'now()' }) openedAt: Date;
  @Column('integer', { default: 0 }) probes: number;
  @Column('timestamptz', { name: 'probe_at' }) probeAt: Date;
}
