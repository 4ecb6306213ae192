import { STATUSES } from '@hub/domain';
import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { oneOf } from './one-of';
import { ProviderEntity } from './provider.entity';

/** A row of `integrations`. Sealed columns are read only where they are asked for by name. */
@Entity('integrations')
@Unique('integrations_org_provider', ['orgId', 'provider'])
@Index('integrations_due_refresh', ['nextRefreshAt'], { where: 'next_refresh_at IS NOT NULL' })
@Index('integrations_due_sync', ['nextSyncAt'], { where: 'next_sync_at IS NOT NULL' })
@Index('integrations_due_refresh_by_provider', ['provider', 'nextRefreshAt'], { where: 'next_refresh_at IS NOT NULL' })
@Index('integrations_due_sync_by_provider', ['provider', 'nextSyncAt'], { where: 'next_sync_at IS NOT NULL' })
@Index('integrations_account', ['provider', 'accountId'])
@Check('integrations_status_check', oneOf('status', STATUSES))
@Check('integrations_phase_check', oneOf('phase', ['idle', 'claimed', 'sending']))
export class IntegrationEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @ForeignKey(() => ProviderEntity, { name: 'integrations_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('text', { name: 'access_token', select: false }) accessToken: string;
  @Column('text', { name: 'refresh_token', nullable: true, select: false }) refreshToken: string | null;
  @Column('text', { nullable: true }) scope: string | null;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt: Date | null;
  @Column('text', { default: 'connected' }) status: string;
  @Column('timestamptz', { name: 'last_sync_at', nullable: true }) lastSyncAt: Date | null;
  @Column('jsonb', { default: {} }) metadata: Record<string, unknown>;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt: Date;

  @Column('text', { name: 'account_id', nullable: true }) accountId: string | null;
  @Column('text', { name: 'account_label', nullable: true }) accountLabel: string | null;
  @Column('jsonb', { default: {} }) inputs: Record<string, string>;
  @Column('timestamptz', { name: 'connected_at', default: () => 'now()' }) connectedAt: Date;
  @Column('bigint', { name: 'connected_epoch', default: 0 }) connectedEpoch: number;

  @Column('timestamptz', { name: 'issued_at', default: () => 'now()' }) issuedAt: Date;
  @Column('timestamptz', { name: 'refresh_expires_at', nullable: true }) refreshExpiresAt: Date | null;
  @Column('timestamptz', { name: 'next_refresh_at', nullable: true }) nextRefreshAt: Date | null;
  @Column('integer', { name: 'failed_refreshes', default: 0 }) failedRefreshes: number;
  @Column('text', { name: 'refresh_failure_code', nullable: true }) refreshFailureCode: string | null;
  @Column('timestamptz', { name: 'refresh_failure_at', nullable: true }) refreshFailureAt: Date | null;
  @Column('timestamptz', { name: 'refusal_held_at', nullable: true }) refusalHeldAt: Date | null;
  @Column('timestamptz', { name: 'refresh_first_failed_at', nullable: true }) refreshFirstFailedAt: Date | null;
  @Column('timestamptz', { name: 'in_doubt_since', nullable: true }) inDoubtSince: Date | null;
  @Column('bigint', { default: 0 }) epoch: number;
  @Column('bigint', { name: 'settled_epoch', default: 0 }) settledEpoch: number;
  @Column('timestamptz', { name: 'settled_at', nullable: true }) settledAt: Date | null;
  @Column('text', { name: 'lease_owner', nullable: true }) leaseOwner: string | null;
  @Column('timestamptz', { name: 'lease_until', nullable: true }) leaseUntil: Date | null;
  @Column('text', { default: 'idle' }) phase: string;

  @Column('timestamptz', { name: 'next_sync_at', nullable: true }) nextSyncAt: Date | null;
  @Column('integer', { name: 'failed_syncs', default: 0 }) failedSyncs: number;
  @Column('text', { name: 'sync_failure_code', nullable: true }) syncFailureCode: string | null;
  @Column('timestamptz', { name: 'sync_failure_at', nullable: true }) syncFailureAt: Date | null;
  @Column('timestamptz', { name: 'sync_first_failed_at', nullable: true }) syncFirstFailedAt: Date | null;
  @Column('timestamptz', { name: 'sync_settled_at', nullable: true }) syncSettledAt: Date | null;
}
