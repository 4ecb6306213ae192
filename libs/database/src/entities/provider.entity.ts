import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `providers`, the catalog that `integrations.provider` is checked against. */
@Entity('providers')
export class ProviderEntity {
  @PrimaryColumn('text') id: string;
  @Column('text') label: string;
}
