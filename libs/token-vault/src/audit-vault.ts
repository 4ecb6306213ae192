import { createHmac } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { boundContext, type Cell } from './cell';
import { recordDone, recordedOpening, recordFailed } from './crypto-metrics';
import type { DataKeyStore } from './data-key-store';
import { DataKeys, type DataKey } from './data-keys';
import { KeyUnavailable } from './key-provider';
import { KeyProviders, type KeySettings } from './key-providers';
import { openBytes, sealBytes } from './message-seal';
import { hkdfSha256 } from './primitives';
import { parseSealed } from './sealed-format';

/** The event whose detail a value belongs to. Its id is drawn before it is written, so that the value can be bound to it. */
export interface EventPlace {
  readonly id: string;
  readonly provider: string | null;
}

/** A personal value as the trail keeps it; `withheld`: there was no key to seal it with, and in the clear it is never written. */
export type SealedDetail = { readonly sealed: string } | { readonly withheld: true };

/**
 * Why a personal value cannot be shown: its key is shredded (`forgotten`), it was never written (`withheld`), the key
 * provider is away (`key_unavailable`), or it does not open (`unreadable`).
 */
export type Unopened = 'forgotten' | 'withheld' | 'key_unavailable' | 'unreadable';

/** Seals personal values of one org's events. It needs neither database nor key provider, and never fails. */
export interface DetailSealer {
  seal(event: EventPlace, field: string, value: string): SealedDetail;
  /** Makes a pseudonym of a value: within the org, alike values are told to be alike, and nothing else is told of them. */
  mark(field: string, value: string): string | { readonly withheld: true };
}

/** Reads a value of a detail as what `seal` made, if it is that. */
export function asSealedDetail(value: unknown): SealedDetail | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const [[name, content] = [], ...more] = Object.entries(value) as [string, unknown][];
  if (more.length > 0) return undefined;
  if (name === 'sealed' && typeof content === 'string') return { sealed: content };
  return name === 'withheld' && content === true ? { withheld: true } : undefined;
}

/** An event is not kept waiting for its key any longer. */
const PATIENCE_MS = 2_000;
/** An org whose key was not to be had is not asked for again so soon: denials come in crowds. */
const REST_MS = 10_000;
const MOST_RESTING = 10_000;
const PSEUDONYM_KEY_BYTES = 32;
const PSEUDONYM_DIGITS = 16;

/**
 * Seals what the audit trail tells of people, under a data key of the org that seals nothing else. The trail is
 * insert-only, so that a key which was replaced goes on opening what it has sealed; once it is shredded, that is noise,
 * and the trail's hashes, which cover the sealed text, still fit.
 */
export class AuditVault {
  private readonly resting = new Map<OrgId, number>();

  constructor(
    private readonly dataKeys: DataKeys,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @param store of the keys that seal for the trail */
  static over(settings: KeySettings, store: DataKeyStore): AuditVault {
    return new AuditVault(new DataKeys(store, KeyProviders.of(settings)));
  }

  /**
   * Gets an org's key for the trail, then does the work. Without the key the work is done all the same, and personal
   * values are withheld. Never call it within a transaction.
   *
   * @param work gets a sealer that ends with it
   */
  async withSealer<T>(orgId: OrgId, work: (sealer: DetailSealer) => Promise<T>): Promise<T> {
    const key = await this.keyOf(orgId);
    let isOpen = true;
    try {
      return await work({
        seal: (event, field, value) =>
          key && isOpen ? sealedWith(key, cellOf(orgId, event, field), value) : { withheld: true },
        mark: (field, value) => (key && isOpen ? pseudonym(key.key, field, value) : { withheld: true }),
      });
    } finally {
      isOpen = false;
      key?.key.fill(0);
    }
  }

  /** Opens a personal value for those who may read the org's trail. */
  async open(
    orgId: OrgId,
    event: EventPlace,
    field: string,
    detail: SealedDetail,
  ): Promise<{ value: string } | Unopened> {
    if (!('sealed' in detail)) return 'withheld';
    return recordedOpening(
      () => this.unseal(orgId, event, field, detail.sealed),
      (opened) => opened === 'unreadable' || opened === 'key_unavailable',
    );
  }

  private async unseal(
    orgId: OrgId,
    event: EventPlace,
    field: string,
    sealed: string,
  ): Promise<{ value: string } | Exclude<Unopened, 'withheld'>> {
    const parts = parseSealed(sealed);
    if (!parts) return 'unreadable';
    let key: DataKey | undefined;
    try {
      key = await this.dataKeys.byId({ orgId, id: parts.keyId });
      if (!key) return 'forgotten';
      const plain = openBytes(key, boundContext(cellOf(orgId, event, field), parts.keyId), parts);
      return plain ? { value: plain.toString('utf8') } : 'unreadable';
    } catch (error) {
      return error instanceof KeyUnavailable ? 'key_unavailable' : 'unreadable';
    } finally {
      key?.key.fill(0);
    }
  }

  /** Wipes every key in the clear. */
  close(): void {
    this.dataKeys.close();
  }

  private async keyOf(orgId: OrgId): Promise<DataKey | undefined> {
    const until = this.resting.get(orgId);
    if (until !== undefined && this.nowMs() < until) return undefined;
    this.resting.delete(orgId);
    const startedMs = performance.now();
    let cause: unknown;
    const key = await inTime(this.dataKeys.active(orgId)).catch((error: unknown) => void (cause = error));
    if (key) return key;
    recordFailed('seal', performance.now() - startedMs, cause);
    this.rest(orgId);
    return undefined;
  }

  private rest(orgId: OrgId): void {
    if (this.resting.size >= MOST_RESTING) this.resting.clear();
    this.resting.set(orgId, this.nowMs() + REST_MS);
  }
}

function sealedWith(key: DataKey, cell: Cell, value: string): SealedDetail {
  const startedMs = performance.now();
  const sealed = sealBytes(key, boundContext(cell, key.id), Buffer.from(value, 'utf8'));
  recordDone('seal', performance.now() - startedMs);
  return { sealed };
}

/** The key if it comes in time. One that comes later is wiped. */
async function inTime(coming: Promise<DataKey>): Promise<DataKey | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  const first = await Promise.race([coming, late]).finally(() => clearTimeout(timer));
  if (!first) void coming.then((key) => key.key.fill(0)).catch(() => undefined);
  return first;
}

/**
 * A keyed hash: whoever has the trail alone cannot try all values. It ends with its key: another org, the org's next
 * key for the trail, and an org that is forgotten have others.
 */
function pseudonym(dataKey: Buffer, field: string, value: string): string {
  const key = hkdfSha256(dataKey, Buffer.alloc(0), `hub audit pseudonym ${field}`, PSEUDONYM_KEY_BYTES);
  try {
    return createHmac('sha256', key).update(value, 'utf8').digest('hex').slice(0, PSEUDONYM_DIGITS);
  } finally {
    key.fill(0);
  }
}

function cellOf(orgId: OrgId, { id, provider }: EventPlace, field: string): Cell {
  return { table: 'audit_events', column: `detail.${field}`, orgId, provider: provider ?? '', rowId: id };
}
