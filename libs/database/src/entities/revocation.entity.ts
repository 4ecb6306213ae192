import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import { ProviderEntity } from './provider.entity';

/** A row of `revocations`: a grant on its way back to its provider, sealed for the integration's cell that it comes from. */
@Entity('revocations')
@Index('revocations_due', ['nextAttemptAt'], { where: 'next_attempt_at IS NOT NULL' })
@Index('revocations_dead', ['orgId'], { where: 'next_attempt_at IS NULL' })
@Index('revocations_by_org', ['orgId'])
@Index('revocations_due_by_provider', ['provider', 'nextAttemptAt'], { where: 'next_attempt_at IS NOT NULL' })
export class RevocationEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @ForeignKey(() => ProviderEntity, { name: 'revocations_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('uuid', { name: 'integration_id' }) integrationId: string;
  @Column('text', { name: 'account_id', nullable: true }) accountId: string | null;
  @Column('jsonb', { default: {} }) inputs: Record<string, string>;
  @Column('text', { name: 'access_token', select: false }) accessToken: string;
  @Column('text', { name: 'refresh_token', nullable: true, select: false }) refreshToken: string | null;
  @Column('text') reason: string;
  @Column('timestamptz', { name: 'next_attempt_at', nullable: true }) nextAttemptAt: Date | null;
  @Column('integer', { name: 'failed_attempts', default: 0 }) failedAttempts: number;
  @Column('text', { name: 'failure_code', nullable: true }) failureCode: string | null;
  @Column('timestamptz', { name: 'first_failed_at', nullable: true }) firstFailedAt: Date | null;
  @Column('timestamptz', { name: 'last_failed_at', nullable: true }) lastFailedAt: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
}

/** A row of `token_inbox`: a grant that came when its epoch had passed. */
@Entity('token_inbox')
@Index('token_inbox_by_org', ['orgId'])
@Index('token_inbox_integration', ['integrationId'])
@Index('token_inbox_once', ['orgId', 'integrationId', 'epoch', 'issuedAt'], { unique: true })
export class LateGrantEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @ForeignKey(() => ProviderEntity, { name: 'token_inbox_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('uuid', { name: 'integration_id' }) integrationId: string;
  @Column('bigint') epoch: number;
  @Column('text', { name: 'access_token', select: false }) accessToken: string;
  @Column('text', { name: 'refresh_token', nullable: true, select: false }) refreshToken: string | null;
  @Column('text', { nullable: true }) scope: string | null;
  @Column('timestamptz', { name: 'issued_at' }) issuedAt: Date;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt: Date | null;
  @Column('timestamptz', { name: 'refresh_expires_at', nullable: true }) refreshExpiresAt: Date | null;
  @Column('timestamptz', { name: 'received_at', default: () => 'now()' }) receivedAt: Date;
}
