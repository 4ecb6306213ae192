import { Column, Entity, Generated, Index, PrimaryColumn } from 'typeorm';

/** A line of the audit trail; only `hub.append_event` writes one. Partitioned by `at`, which is why that is part of the key. */
@Entity('audit_events')
@Index('audit_events_provider', ['orgId', 'provider', 'seq'])
@Index('audit_events_sealed', ['orgId'], { where: `jsonb_path_exists(detail, '$.*."sealed"'::jsonpath)` })
export class AuditEventEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('bigint') seq: number;
  @Column('uuid') @Generated('uuid') id: string;
  @PrimaryColumn('timestamptz') at: Date;
  @Column('text') name: string;
  @Column('text', { nullable: true }) provider: string | null;
  @Column('uuid', { name: 'integration_id', nullable: true }) integrationId: string | null;
  @Column('text', { name: 'actor_type' }) actorType: string;
  @Column('text', { name: 'actor_id' }) actorId: string;
  @Column('jsonb', { default: {} }) detail: Record<string, unknown>;
  /** The hash of the event before; 32 zero bytes before the first. Nobody but the verification reads either hash. */
  @Column('bytea', { name: 'prev_hash', select: false }) prevHash: Buffer;
  @Column('bytea', { select: false }) hash: Buffer;
}

/** Where an org's trail ends. */
@Entity('audit_heads')
export class AuditHeadEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @Column('bigint') seq: number;
  @Column('bytea') hash: Buffer;
}

/** Where an org's trail begins after a prune: the last event that is no longer there. */
@Entity('audit_checkpoints')
export class AuditCheckpointEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @PrimaryColumn('bigint') seq: number;
  @Column('bytea') hash: Buffer;
  @Column('date') before: string;
  @Column('bytea', { name: 'export_sha256' }) exportSha256: Buffer;
  @Column('timestamptz', { name: 'pruned_at', default: () => 'now()' }) prunedAt: Date;
}
