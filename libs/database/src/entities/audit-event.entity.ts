import { Column, Entity, Generated, Index, PrimaryColumn } from 'typeorm';

/** A line of the audit trail; only `hub.append_event` writes one. */
@Entity('audit_events')
@Index('audit_events_provider', ['orgId', 'provider', 'seq'])
export class AuditEventEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('bigint') seq: number;
  @Column('uuid') @Generated('uuid') id: string;
  @Column('timestamptz') at: Date;
  @Column('text') name: string;
  @Column('text', { nullable: true }) provider: string | null;
  @Column('uuid', { name: 'integration_id', nullable: true }) integrationId: string | null;
  @Column('text', { name: 'actor_type' }) actorType: string;
  @Column('text', { name: 'actor_id' }) actorId: string;
  @Column('jsonb', { default: {} }) detail: Record<string, unknown>;
}

/** The last number of an org's trail. */
@Entity('audit_heads')
export class AuditHeadEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @Column('bigint') seq: number;
}
