import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import type { ChainPlace } from './audit-chain';

/** A key that seals; the id names it in each seal. */
export interface SealKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Where an org's trail ended. */
export interface Head extends ChainPlace {
  readonly orgId: OrgId;
}

interface SealBase {
  readonly v: 1;
  /** Counts up by one within a folder of seals. */
  readonly n: number;
  readonly at: string;
  /** Id of the key of its HMAC. */
  readonly key: string;
  /** HMAC of the seal before; `null` for the first of a folder. */
  readonly prev: string | null;
}

/** An org's place as a seal holds it: org, seq, hash in hex. */
export type SealedPlace = readonly [org: string, seq: number, hash: string];

/** Where all trails ended at that time. */
export interface HeadSeal extends SealBase {
  readonly kind: 'heads';
  /** True if `heads` has every org; else those that went on since the seal before. */
  readonly full: boolean;
  readonly orgs: number;
  /** SHA-256 over all heads in the order of their orgs. */
  readonly root: string;
  readonly heads: readonly SealedPlace[];
}

/** What was pruned, by whose right the trails begin later than with their first event. */
export interface PruneSeal extends SealBase {
  readonly kind: 'prune';
  /** The first month that was kept, such as `2026-05`. */
  readonly before: string;
  /** SHA-256 of the exported file. */
  readonly export: string;
  readonly checkpoints: readonly SealedPlace[];
}

export type Seal = HeadSeal | PruneSeal;
/** A seal before it has its place among the others. */
export type SealDraft = Omit<HeadSeal, keyof SealBase> | Omit<PruneSeal, keyof SealBase>;

/** A seal with its HMAC, which the next one names. */
export interface StampedSeal {
  readonly seal: Seal;
  readonly mac: string;
}

const ORG_BYTES = 16;
const SEQ_BYTES = 8;

/** One hash for where all trails end, given in the order of their orgs, page by page. */
export class HeadsRoot {
  private readonly hash = createHash('sha256');

  add({ orgId, seq, hash }: Head): void {
    const bytes = Buffer.alloc(ORG_BYTES + SEQ_BYTES);
    bytes.write(orgId.replaceAll('-', ''), 'hex');
    bytes.writeBigUInt64BE(BigInt(seq), ORG_BYTES);
    this.hash.update(bytes).update(hash);
  }

  end(): string {
    return this.hash.digest('hex');
  }
}

export function sealedPlace({ orgId, seq, hash }: Head): SealedPlace {
  return [orgId, seq, hash.toString('hex')];
}

export function placeOf([, seq, hash]: SealedPlace): ChainPlace {
  return { seq, hash: Buffer.from(hash, 'hex') };
}

/**
 * Puts a seal behind the one before and stamps it.
 *
 * @returns its line for the file: the HMAC of the JSON, a space, the JSON
 */
export function stamp(
  draft: SealDraft,
  before: StampedSeal | undefined,
  key: SealKey,
  at: Date,
): [string, StampedSeal] {
  const place = { v: 1, n: (before?.seal.n ?? 0) + 1, at: at.toISOString(), key: key.id, prev: before?.mac ?? null };
  const seal = { ...place, ...draft } as Seal;
  const text = JSON.stringify(seal);
  const mac = macOf(text, key);
  return [`${mac} ${text}`, { seal, mac }];
}

/** How a line of a file of seals reads. */
export type ReadSeal = StampedSeal | { readonly trouble: string };

/** Opens a line. @param keys any that ever sealed here */
export function readSeal(line: string, keys: readonly SealKey[]): ReadSeal {
  const space = line.indexOf(' ');
  const [mac, text] = [line.slice(0, space), line.slice(space + 1)];
  const seal = parse(text);
  if (!/^[0-9a-f]{64}$/.test(mac) || seal === undefined) return { trouble: 'is no seal' };
  const key = keys.find(({ id }) => id === seal.key);
  if (!key) return { trouble: `was sealed with the key ${seal.key}, which AUDIT_SEAL_KEY does not have` };
  if (!timingSafeEqual(Buffer.from(mac, 'hex'), Buffer.from(macOf(text, key), 'hex')))
    return { trouble: 'does not fit its HMAC' };
  return { seal, mac };
}

function macOf(text: string, { key }: SealKey): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

function parse(text: string): Seal | undefined {
  try {
    const seal = JSON.parse(text) as Partial<Seal> | null;
    return seal?.v === 1 && typeof seal.key === 'string' ? (seal as Seal) : undefined;
  } catch {
    return undefined;
  }
}
