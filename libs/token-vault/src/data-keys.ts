import { randomBytes, randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import type { DataKeyStore, StoredDataKey, WrappedDataKey } from './data-key-store';
import { KeyRefused, type DataKeyName } from './key-provider';
import type { KeyProviders } from './key-providers';
import { KEY_BYTES, type VaultKey } from './message-seal';

/** An opened key is used for so long, then its key provider is asked again: what is withdrawn there ends here. */
const FRESH_MS = 5 * 60_000;
/** While a provider is away, keys that are past their time are asked for again so often. */
const ASK_AGAIN_MS = 5_000;
/**
 * A key that was replaced seals no more so long after the store has said for the last time that it seals: the new one may
 * be out of reach for longer, but the database retires a key that nothing has needed for ten minutes.
 */
const SEALS_MS = 8 * 60_000;
/** Opened keys that are kept at most; the one that was used the longest time ago goes first. */
const MOST_KEPT = 10_000;
const SWEEP_EVERY_MS = 60_000;

/** A data key in the clear, for one use. */
export interface DataKey extends VaultKey {
  /** The same, as it may be kept beside what it seals. */
  readonly wrapped: WrappedDataKey;
}

/** A data key in the clear. It is wiped when it goes: nobody keeps its bytes beyond the call that got them. */
interface OpenedKey {
  readonly key: Buffer;
  readonly wrapped: WrappedDataKey;
  /** When its provider was asked, or is to be asked again, by the monotonic clock. */
  freshUntilMs: number;
  /** Its provider was away when it was asked the last time. */
  isOverdue: boolean;
  isWiped: boolean;
}

/** Which key seals for an org. */
interface ActiveKey {
  readonly id: string;
  readonly freshUntilMs: number;
  /** When the store has said so for the last time. */
  readonly confirmedMs: number;
  /** The store has said since that it is not. */
  readonly isReplaced: boolean;
}

/**
 * Data keys, opened: one for each org that seals, and those before it that still open. They are kept for a few minutes,
 * and longer while their key provider is away.
 */
export class DataKeys {
  /** In the order of their last use, the oldest first. */
  private readonly opened = new Map<string, OpenedKey>();
  private readonly activeOf = new Map<OrgId, ActiveKey>();
  private readonly flights = new Map<string, Promise<unknown>>();
  private readonly sweeping: NodeJS.Timeout;

  constructor(
    private readonly store: DataKeyStore,
    private readonly providers: KeyProviders,
    private readonly nowMs: () => number = () => performance.now(),
    private readonly mostKept = MOST_KEPT,
  ) {
    this.sweeping = setInterval(() => void this.sweep(), SWEEP_EVERY_MS).unref();
  }

  /**
   * A copy of the key that seals for an org, made if there is none. Whoever gets it wipes it. While the store cannot be
   * read, or says that the key still seals, a key at hand carries on for as long as that lasts; one that was replaced, for
   * eight minutes in all.
   *
   * @throws KeyUnavailable if it is not at hand and its provider is away, KeyRefused if its provider says no
   */
  async active(orgId: OrgId): Promise<DataKey> {
    for (;;) {
      const { id } = await this.activeId(orgId);
      const copy = await this.byId({ orgId, id });
      if (copy) return copy;
      this.activeOf.delete(orgId); // it is gone: somebody has deleted the org's keys
    }
  }

  /** A copy of a key by its id, to be wiped after use; `undefined` if the org has no such key, or it is shredded. Throws as `active`. */
  async byId(name: DataKeyName): Promise<DataKey | undefined> {
    for (;;) {
      const key = this.atHand(name) ?? (await this.once(slotOf(name), () => this.fetch(name)));
      if (!key) return undefined;
      if (!key.isWiped) return copyOf(key);
    }
  }

  /** A new key for an org, wrapped, that nobody has stored yet: nothing is sealed with it before. Throws as `active`. */
  async draft(orgId: OrgId): Promise<WrappedDataKey> {
    const key = randomBytes(KEY_BYTES);
    try {
      return await this.wrap({ orgId, id: randomUUID() }, key);
    } finally {
      key.fill(0);
    }
  }

  /** The same key, wrapped anew by the configured provider's newest key. Throws as `active`. */
  async rewrap({ orgId, id, ...before }: WrappedDataKey): Promise<WrappedDataKey> {
    const wrapped = await this.providers.rewrap(before.keyProvider, { orgId, id }, before);
    return { orgId, id, ...wrapped, keyProvider: this.providers.wrapping };
  }

  /** Forgets which key seals for an org: another one does. */
  noteReplaced(orgId: OrgId): void {
    this.activeOf.delete(orgId);
  }

  /** Wipes what is past its time, unless its provider is away: then it is all that there is. */
  async sweep(): Promise<void> {
    const now = this.nowMs();
    const old = [...this.opened.values()].filter((key) => key.freshUntilMs <= now);
    for (const provider of new Set(old.map((key) => key.wrapped.keyProvider)))
      if (await this.providers.isWell(provider))
        for (const key of old) if (key.wrapped.keyProvider === provider) this.forget(key);
    for (const [orgId, { id }] of this.activeOf)
      if (!this.opened.has(slotOf({ orgId, id }))) this.activeOf.delete(orgId);
  }

  /** Wipes everything. */
  close(): void {
    clearInterval(this.sweeping);
    for (const key of this.opened.values()) this.forget(key);
    this.activeOf.clear();
  }

  /** The key if it may be used as it is. One that is overdue is asked for again behind its user's back. */
  private atHand(name: DataKeyName): OpenedKey | undefined {
    const slot = slotOf(name);
    const key = this.opened.get(slot);
    if (!key) return undefined;
    const isFresh = this.nowMs() < key.freshUntilMs;
    if (!isFresh && !key.isOverdue) return undefined;
    if (!isFresh) void this.once(slot, () => this.fetch(name)).catch(() => undefined);
    this.opened.delete(slot);
    this.opened.set(slot, key);
    return key;
  }

  private async fetch(name: DataKeyName): Promise<OpenedKey | undefined> {
    const known = this.opened.get(slotOf(name));
    try {
      const stored = await this.store.find(name);
      if (stored?.wrapped) return await this.open(stored);
      if (known) this.forget(known);
      return undefined;
    } catch (error) {
      if (error instanceof KeyRefused && known) this.forget(known);
      if (error instanceof KeyRefused || !known || known.isWiped) throw error;
      known.isOverdue = true;
      known.freshUntilMs = this.nowMs() + ASK_AGAIN_MS;
      return known;
    }
  }

  private async open(stored: StoredDataKey): Promise<OpenedKey> {
    const key = await this.providers.unwrap(stored.keyProvider, stored, stored);
    if (key.length !== KEY_BYTES) throw new KeyRefused(stored.keyProvider, 'not_authentic');
    return this.keep(stored, key);
  }

  private async activeId(orgId: OrgId): Promise<ActiveKey> {
    const known = this.activeOf.get(orgId);
    if (known && this.nowMs() < known.freshUntilMs) return known;
    return this.once(`active ${orgId}`, async () => {
      let isReplaced = known?.isReplaced ?? false;
      try {
        const stored = await this.store.active(orgId);
        isReplaced = stored?.id !== known?.id;
        const active = stored ?? (await this.make(orgId));
        if (!this.opened.has(slotOf(active))) await this.open(active);
        return this.noteActive(active);
      } catch (error) {
        if (error instanceof KeyRefused || !known) throw error;
        return this.keepOn(orgId, { ...known, isReplaced }, error);
      }
    });
  }

  /** The key that is known goes on sealing for a while. @throws error if it was replaced, and its time is over */
  private keepOn(orgId: OrgId, known: ActiveKey, error: unknown): ActiveKey {
    const nowMs = this.nowMs();
    const untilMs = known.isReplaced ? known.confirmedMs + SEALS_MS : Infinity;
    const again = { ...known, freshUntilMs: Math.min(nowMs + ASK_AGAIN_MS, untilMs) };
    this.activeOf.set(orgId, again);
    if (nowMs >= untilMs) throw error;
    return again;
  }

  /** Makes an org's first key. Of several that are made at once one is stored, and all use that one. */
  private async make(orgId: OrgId): Promise<StoredDataKey> {
    const name = { orgId, id: randomUUID() };
    const key = randomBytes(KEY_BYTES);
    const stored = await this.store.add(await this.wrap(name, key));
    if (stored.id === name.id) this.keep(stored, key);
    else key.fill(0);
    return stored;
  }

  private async wrap(name: DataKeyName, key: Buffer): Promise<WrappedDataKey> {
    return { ...name, ...(await this.providers.wrap(name, key)), keyProvider: this.providers.wrapping };
  }

  private keep(stored: StoredDataKey, key: Buffer): OpenedKey {
    const before = this.opened.get(slotOf(stored));
    if (before) this.forget(before);
    const freshUntilMs = this.nowMs() + FRESH_MS;
    const { status, ...wrapped } = stored;
    const opened = { wrapped, key, freshUntilMs, isOverdue: false, isWiped: false };
    this.opened.set(slotOf(stored), opened);
    if (status === 'active') this.noteActive(stored);
    for (const oldest of this.opened.values()) {
      if (this.opened.size <= this.mostKept) break;
      this.forget(oldest);
    }
    return opened;
  }

  private noteActive({ orgId, id }: DataKeyName): ActiveKey {
    const confirmedMs = this.nowMs();
    const active = { id, freshUntilMs: confirmedMs + FRESH_MS, confirmedMs, isReplaced: false };
    this.activeOf.set(orgId, active);
    return active;
  }

  private forget(key: OpenedKey): void {
    const slot = slotOf(key.wrapped);
    if (this.opened.get(slot) === key) this.opened.delete(slot);
    key.key.fill(0);
    key.isWiped = true;
  }

  /** One at a time does the same; the others get what came of it. */
  private once<T>(what: string, work: () => Promise<T>): Promise<T> {
    const flight = this.flights.get(what);
    if (flight) return flight as Promise<T>;
    const started = work().finally(() => this.flights.delete(what));
    this.flights.set(what, started);
    return started;
  }
}

function slotOf({ orgId, id }: DataKeyName): string {
  return `${orgId} ${id}`;
}

function copyOf({ wrapped, key }: OpenedKey): DataKey {
  return { id: wrapped.id, key: Buffer.from(key), wrapped };
}
