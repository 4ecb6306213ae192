import { FLOW_COMPLETIONS, FLOW_STATUSES, type Endpoints } from '@hub/domain';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { oneOf } from './one-of';
import { ProviderEntity } from './provider.entity';

/** A row of `flows`: what lives between connect and callback. */
@Entity('flows')
@Index('flows_by_org', ['orgId', 'provider', 'status'])
@Index('flows_expiry', ['expiresAt'])
@Index('flows_unfinished', ['expiresAt'], { where: "status in ('awaiting_input', 'open', 'taken', 'parked')" })
@Unique('flows_state_hash_key', ['stateHash'])
@Unique('flows_page_hash_key', ['pageHash'])
@Check('flows_status_check', oneOf('status', FLOW_STATUSES))
@Check('flows_completion_check', oneOf('completion', FLOW_COMPLETIONS))
export class FlowEntity {
  @PrimaryColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @ForeignKey(() => ProviderEntity, { name: 'flows_provider_fkey' })
  @Column('text')
  provider: string;
  @Column('text', { name: 'started_by' }) startedBy: string;
  @Column('text') status: string;
  @Column('text', { name: 'return_url' }) returnUrl: string;
  @Column('jsonb', { default: {} }) inputs: Record<string, string>;
  @Column('text', { array: true, default: () => "'{}'" }) scopes: string[];
  @Column('jsonb', { nullable: true }) endpoints: Endpoints | null;
  @Column('text', { name: 'client_id' }) clientId: string;
  @Column('boolean', { name: 'allow_account_change', default: false }) allowAccountChange: boolean;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt: Date;
  @Column('bytea', { name: 'state_hash', nullable: true }) stateHash: Buffer | null;
  @Column('bytea', { name: 'cookie_hash' }) cookieHash: Buffer;
  @Column('bytea', { name: 'page_hash', nullable: true }) pageHash: Buffer | null;
  @Column('bytea', { name: 'confirm_cookie_hash', nullable: true }) confirmCookieHash: Buffer | null;
  @Column('text', { nullable: true, select: false }) verifier: string | null;
  @Column('text', { name: 'parked_code', nullable: true, select: false }) parkedCode: string | null;
  @Column('text', { default: 'browser' }) completion: string;
  @Column('bytea', { name: 'handle_hash', nullable: true }) handleHash: Buffer | null;
}
