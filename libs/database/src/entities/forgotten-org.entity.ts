import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `forgotten_orgs`: nothing is stored for this org any more. */
@Entity('forgotten_orgs')
export class ForgottenOrgEntity {
  @PrimaryColumn('uuid', { name: 'org_id' }) orgId: string;
  @Column('timestamptz', { name: 'requested_at', default: () => 'now()' }) requestedAt: Date;
  @Column('timestamptz', { name: 'answers_until', nullable: true }) answersUntil: Date | null;
  @Column('timestamptz', { name: 'connects_until', nullable: true }) connectsUntil: Date | null;
  @Column('timestamptz', { name: 'forgotten_at', nullable: true }) forgottenAt: Date | null;
}
