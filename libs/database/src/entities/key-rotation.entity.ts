import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of `key_rotations`: an org whose keys are to be replaced, and how far that has come. */
@Entity('key_rotations')
@Index('key_rotations_due', ['nextAt'], { where: 'finished_at IS NULL' })
export class KeyRotationEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @Column('timestamptz', { name: 'requested_at', default: () => 'now()' }) requestedAt: Date;
  @Column('boolean') rewrap: boolean;
  @Column('boolean') reseal: boolean;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt: Date | null;
  @Column('bigint', { name: 'rewrapped_keys', default: 0 }) rewrappedKeys: number;
  @Column('timestamptz', { name: 'rewrapped_at', nullable: true }) rewrappedAt: Date | null;
  @Column('timestamptz', { name: 'replaced_at', nullable: true }) replacedAt: Date | null;
  @Column('timestamptz', { name: 'resealed_at', nullable: true }) resealedAt: Date | null;
  @Column('bigint', { name: 'resealed_cells', default: 0 }) resealedCells: number;
  @Column('bigint', { name: 'unopened_cells', default: 0 }) unopenedCells: number;
  @Column('timestamptz', { name: 'next_at', default: () => 'now()' }) nextAt: Date;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt: Date | null;
}
