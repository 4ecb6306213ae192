import { CONSOLE_SIGN_INS } from '@hub/domain';
import { Check, Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { oneOf } from './one-of';

/** A row of `console_links`: signs a browser in to the console, once. */
@Entity('console_links')
@Index('console_links_by_org', ['orgId'])
@Index('console_links_expiry', ['expiresAt'])
@Unique('console_links_link_hash_key', ['linkHash'])
export class ConsoleLinkEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @Column('text') sub: string;
  @Column('text', { name: 'user_label', nullable: true }) userLabel: string | null;
  @Column('text', { array: true, default: () => "'{}'" }) scopes: string[];
  @Column('bytea', { name: 'link_hash' }) linkHash: Buffer;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt: Date;
  @Column('timestamptz', { name: 'used_at', nullable: true }) usedAt: Date | null;
}

/** A row of `console_sessions`: a browser that is signed in to the console. */
@Entity('console_sessions')
@Index('console_sessions_by_org', ['orgId'])
@Index('console_sessions_expiry', ['expiresAt'])
@Unique('console_sessions_cookie_hash_key', ['cookieHash'])
@Check('console_sessions_sign_in_check', oneOf('sign_in', CONSOLE_SIGN_INS))
export class ConsoleSessionEntity {
  @PrimaryGeneratedColumn('uuid') id: string;
  @Column('uuid', { name: 'org_id' }) orgId: string;
  @Column('text') sub: string;
  @Column('text', { name: 'user_label', nullable: true }) userLabel: string | null;
  @Column('text', { array: true, default: () => "'{}'" }) scopes: string[];
  @Column('text', { name: 'sign_in' }) signIn: string;
  @Column('bytea', { name: 'cookie_hash' }) cookieHash: Buffer;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { name: 'last_seen_at', default: () => 'now()' }) lastSeenAt: Date;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt: Date;
}
