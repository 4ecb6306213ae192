import { DELIVERY_SOURCES, DELIVERY_STATES } from '@hub/domain';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { oneOf } from './one-of';
import { ProviderEntity } from './provider.entity';

/** A row of `deliveries`: one webhook send, on its way, done, or a dead letter. What is sent is read only where it is asked for by name. */
@Entity('deliveries')
@Unique('deliveries_once', ['orgId', 'integrationId', 'eventId'])
@Index('deliveries_log', ['orgId', 'provider', 'createdAt', 'id'])
@Index('deliveries_due', ['nextAttemptAt'], { where: 'next_attempt_at IS NOT NULL' })
@Index('deliveries_pending', ['integrationId', 'nextAttemptAt'], { where: "state = 'pending'" })
@Index('deliveries_leased', ['integrationId'], { where: 'lease_until IS NOT NULL' })
@Index('deliveries_dead', ['orgId'], { where: "state = 'dead'" })
@Index('deliveries_dead_since', ['endedAt'], { where: "state = 'dead'" })
@Index('deliveries_ended', ['endedAt'], { where: "state in ('delivered', 'cancelled')" })
@Index('deliveries_by_seq', ['integrationId', 'seq'])
@Check('deliveries_source_check', oneOf('source', DELIVERY_SOURCES))
@Check('deliveries_state_check', oneOf('state', DELIVERY_STATES))
export class DeliveryEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @Column('uuid', { name: 'integration_id' }) integrationId: string;
  @ForeignKey(() => ProviderEntity, { name: 'deliveries_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('uuid', { name: 'event_id' }) eventId: string;
  @Column('bigint') seq: number;
  @Column('text') type: string;
  @Column('timestamptz') at: Date;
  @Column('text', { nullable: true, select: false }) data: string | null;
  @Column('text') source: string;
  @Column('text', { default: 'pending' }) state: string;
  @Column('timestamptz', { name: 'next_attempt_at', nullable: true }) nextAttemptAt: Date | null;
  @Column('timestamptz', { name: 'lease_until', nullable: true }) leaseUntil: Date | null;
  @Column('bigint', { default: 0 }) epoch: number;
  @Column('integer', { name: 'failed_attempts', default: 0 }) failedAttempts: number;
  @Column('text', { name: 'failure_code', nullable: true }) failureCode: string | null;
  @Column('integer', { name: 'last_status', nullable: true }) lastStatus: number | null;
  @Column('timestamptz', { name: 'first_failed_at', nullable: true }) firstFailedAt: Date | null;
  @Column('timestamptz', { name: 'last_failed_at', nullable: true }) lastFailedAt: Date | null;
  @Column('timestamptz', { name: 'ended_at', nullable: true }) endedAt: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

/** A row of `delivery_settings`: what an integration wants delivered, by what it is signed, and how its receiver does. */
@Entity('delivery_settings')
@Index('delivery_settings_by_org', ['orgId'])
@Index('delivery_settings_opted_in', ['id'], { where: "events <> '{}'" })
@Index('delivery_settings_settled', ['provider', 'settledAt'], { where: 'settled_at IS NOT NULL' })
@Index('delivery_settings_gone', ['provider', 'goneAt'], { where: 'gone_at IS NOT NULL' })
export class DeliverySettingsEntity {
  /** The integration's. */
  @PrimaryColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @ForeignKey(() => ProviderEntity, { name: 'delivery_settings_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('text', { array: true, default: () => "'{}'" }) events: string[];
  @Column('text', { select: false }) secret: string;
  @Column('text', { name: 'previous_secret', nullable: true, select: false }) previousSecret: string | null;
  @Column('timestamptz', { name: 'previous_until', nullable: true }) previousUntil: Date | null;
  @Column('bigint', { name: 'next_seq', default: 1 }) nextSeq: number;
  @Column('bigint', { name: 'outbox_seq', default: 0 }) outboxSeq: number;
  @Column('integer', { default: 0 }) failures: number;
  @Column('timestamptz', { name: 'open_until', nullable: true }) openUntil: Date | null;
  @Column('timestamptz', { name: 'outbox_full_since', nullable: true }) outboxFullSince: Date | null;
  @Column('timestamptz', { name: 'settled_at', nullable: true }) settledAt: Date | null;
  @Column('timestamptz', { name: 'gone_at', nullable: true }) goneAt: Date | null;
  @Column('timestamptz', { name: 'gone_held_at', nullable: true }) goneHeldAt: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}
