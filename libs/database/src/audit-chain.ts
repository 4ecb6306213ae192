import { createHash } from 'node:crypto';
import type { OrgId } from '@hub/domain';

/** Says how a row becomes bytes; another way to do it needs another version. */
export const CHAIN_VERSION = 'hub-audit/1';
/** What stands for the hash before an org's first event. */
export const GENESIS: Buffer = Buffer.alloc(32);

/** An event with its place in the chain, exactly as PostgreSQL holds it. */
export interface ChainRow {
  readonly orgId: OrgId;
  readonly seq: number;
  readonly id: string;
  /** Microseconds since 1970, as a whole number: a Date would lose three digits. */
  readonly atMicros: string;
  readonly name: string;
  readonly provider: string | null;
  readonly integrationId: string | null;
  readonly actorType: string;
  readonly actorId: string;
  /** PostgreSQL's own text of the jsonb. */
  readonly detail: string;
  readonly prevHash: Buffer;
  readonly hash: Buffer;
}

/** Where a chain stands: its last event and that one's hash. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: Buffer;
}

/** The place before the first event. */
export const CHAIN_START: ChainPlace = { seq: 0, hash: GENESIS };

export type ChainContent = Omit<ChainRow, 'prevHash' | 'hash'>;

/** The hash that an event must have behind `prev`; `hub.audit_hash` computes the same in SQL. */
export function rowHash(prev: Buffer, row: ChainContent): Buffer {
  return createHash('sha256').update(prev).update(canonicalText(row)).digest();
}

/** A row as text: the version, then every value with its length in bytes in front, or `-` where there is none. */
export function canonicalText(row: ChainContent): string {
  const { orgId, seq, id, atMicros, name, provider, integrationId, actorType, actorId, detail } = row;
  const values = [orgId, String(seq), id, atMicros, name, provider, integrationId, actorType, actorId, detail];
  return CHAIN_VERSION + values.map(field).join('');
}

function field(value: string | null): string {
  return value === null ? '-' : `${Buffer.byteLength(value)}:${value}`;
}

/** True if the row's hash is that of its own content behind the hash that it names. */
export function isWhole(row: ChainRow): boolean {
  return rowHash(row.prevHash, row).equals(row.hash);
}
