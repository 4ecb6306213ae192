import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { oneOf } from './one-of';

/** A data key as it was wrapped before. */
interface WrappingBefore {
  readonly keyProvider: string;
  readonly wrappingKey: string;
  readonly wrapped: string;
  readonly replacedAt: string;
}

/** A row of `data_keys`: a key that seals for an org, wrapped. */
@Entity('data_keys')
@Index('data_keys_by_org', ['orgId'])
@Index('data_keys_active', ['orgId', 'purpose'], { unique: true, where: "status = 'active'" })
@Index('data_keys_refused', ['orgId'], { where: 'refused_at IS NOT NULL' })
@Index('data_keys_wrappings', ['wrappingsUntil'], { where: 'wrappings_until IS NOT NULL' })
@Check('data_keys_status_check', oneOf('status', ['active', 'retiring', 'retired', 'shredded']))
@Check('data_keys_shredded_check', "(status = 'shredded') = (wrapped_key = '')")
@Check('data_keys_wrappings_check', "status <> 'shredded' or wrappings_before = '[]'")
@Check('data_keys_purpose_check', oneOf('purpose', ['tokens', 'audit']))
export class DataKeyEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @Column('text', { name: 'key_provider' }) keyProvider: string;
  @Column('text', { name: 'wrapping_key_id' }) wrappingKeyId: string;
  @Column('text', { name: 'wrapped_key', select: false }) wrappedKey: string;
  @Column('text', { default: 'active' }) status: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'status_changed_at', default: () => 'now()' }) statusChangedAt: Date;
  @Column('text', { default: 'tokens' }) purpose: string;
  /** Of a retiring key: since then nothing is sealed with it, as far as anybody has looked. */
  @Column('timestamptz', { name: 'unneeded_since', nullable: true }) unneededSince: Date | null;
  /** When a rotation has wrapped it anew. */
  @Column('timestamptz', { name: 'rewrapped_at', nullable: true }) rewrappedAt: Date | null;
  /** Since then its key provider refuses to unwrap it, as far as a rotation has tried. */
  @Column('timestamptz', { name: 'refused_at', nullable: true }) refusedAt: Date | null;
  /** Wrappings that were written over, kept for 30 days, the oldest first. */
  @Column('jsonb', { name: 'wrappings_before', default: [], select: false }) wrappingsBefore: WrappingBefore[];
  /** When the last of them goes. */
  @Column('timestamptz', { name: 'wrappings_until', nullable: true }) wrappingsUntil: Date | null;
}
