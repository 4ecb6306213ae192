import { isUuid, type OrgId, type Sealed } from '@hub/domain';
import { inSpan } from '@hub/telemetry';
import { boundContext, type Cell } from './cell';
import { recordDone, recordedOpening, recordFailed } from './crypto-metrics';
import type { DataKeyStore, WrappedDataKey } from './data-key-store';
import { DataKeys } from './data-keys';
import { KeyRefused } from './key-provider';
import { KeyProviders, type KeySettings } from './key-providers';
import { openBytes, sealBytes, type VaultKey } from './message-seal';
import { PlainToken } from './plain-token';
import { parseSealed } from './sealed-format';

/** A sealed value that does not open: forged, cut, moved to another cell, or its key is gone. Says where, never what. */
export class OpenFailed extends Error {
  constructor(
    readonly cell: Cell,
    readonly reason: 'malformed' | 'unknown_key' | 'key_refused' | 'not_authentic',
    options: { readonly cause?: unknown } = {},
  ) {
    super(`a sealed value of ${cell.table}.${cell.column} does not open: ${reason}`, options);
    this.name = 'OpenFailed';
  }
}

/** Seals for one org with a key that is at hand: neither database nor key provider is needed any more. */
export interface Sealer {
  /** The key that it seals with, wrapped: kept beside what it seals, it opens that even for a database that has forgotten the key. */
  readonly dataKey: WrappedDataKey;
  /** Seals a secret for one cell of the sealer's org. */
  seal(cell: Cell, secret: PlainToken): Sealed;
}

/**
 * Seals secrets under the data key of their org, each for its cell (security reference §4). Values that an earlier
 * release has sealed under the keyring itself still open.
 */
export class TokenVault {
  private readonly legacy: ReadonlyMap<string, VaultKey>;

  /** @param legacyKeys the keyring that sealed values before there were data keys */
  constructor(
    legacyKeys: readonly VaultKey[],
    private readonly dataKeys: DataKeys,
  ) {
    this.legacy = new Map(legacyKeys.map((key) => [key.id, key]));
  }

  /** A vault over a store of data keys, with the key providers of the settings. */
  static over(settings: KeySettings, store: DataKeyStore): TokenVault {
    return new TokenVault(settings.tokenKeys, new DataKeys(store, KeyProviders.of(settings)));
  }

  /**
   * Gets an org's sealing key, then does the work. Use it where something must be sealed that cannot be had twice: what
   * could go wrong about the key goes wrong before. Never call it within a transaction.
   *
   * @param work gets a sealer that ends with it
   * @throws KeyUnavailable if the key is not at hand and its provider is away, KeyRefused if that says no
   */
  async withSealer<T>(orgId: OrgId, work: (sealer: Sealer) => T | Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const key = await this.dataKeys.active(orgId).catch((error: unknown) => {
      recordFailed('seal', performance.now() - startedMs, error);
      throw error;
    });
    let forKeyMs = performance.now() - startedMs; // counts for the first that is sealed with it
    let hasEnded = false;
    try {
      return await work({
        dataKey: key.wrapped,
        seal: (cell, secret) => {
          if (hasEnded) throw new Error('this sealer has ended');
          if (cell.orgId !== orgId) throw new Error('a sealer seals for its own org alone');
          const sealMs = performance.now();
          const sealed = sealBytes(key, boundContext(cell, key.id), Buffer.from(secret.reveal(), 'utf8'));
          recordDone('seal', performance.now() - sealMs + forKeyMs);
          forKeyMs = 0;
          return sealed;
        },
      });
    } finally {
      hasEnded = true;
      key.key.fill(0);
    }
  }

  /** Seals a secret for one cell. Throws as `withSealer`. */
  async seal(cell: Cell, secret: PlainToken): Promise<Sealed> {
    return this.withSealer(cell.orgId, (sealer) => sealer.seal(cell, secret));
  }

  /**
   * Opens what was sealed for the same cell.
   *
   * @throws KeyUnavailable if its key is not at hand and the key provider is away
   * @throws OpenFailed in every other case
   */
  async open(cell: Cell, sealed: string): Promise<PlainToken> {
    return inSpan('crypto.open', { onlyWithin: true }, () => recordedOpening(() => this.unseal(cell, sealed)));
  }

  /** Draft, rewrap and note: what a rotation of the keys needs beside sealing and opening. */
  get keys(): Pick<DataKeys, 'draft' | 'rewrap' | 'noteReplaced'> {
    return this.dataKeys;
  }

  /** Wipes every key in the clear. */
  close(): void {
    this.dataKeys.close();
  }

  private async unseal(cell: Cell, sealed: string): Promise<PlainToken> {
    const parts = parseSealed(sealed);
    if (!parts) throw new OpenFailed(cell, 'malformed');
    const context = boundContext(cell, parts.keyId);
    if (!isDataKeyId(parts.keyId)) {
      const key = this.legacy.get(parts.keyId);
      if (!key) throw new OpenFailed(cell, 'unknown_key');
      return opened(cell, openBytes(key, context, parts));
    }
    const key = await this.dataKey(cell, parts.keyId);
    try {
      return opened(cell, openBytes(key, context, parts));
    } finally {
      key.key.fill(0);
    }
  }

  private async dataKey(cell: Cell, id: string): Promise<VaultKey> {
    try {
      const key = await this.dataKeys.byId({ orgId: cell.orgId, id });
      if (key) return key;
    } catch (error) {
      if (error instanceof KeyRefused) throw new OpenFailed(cell, 'key_refused', { cause: error });
      throw error;
    }
    throw new OpenFailed(cell, 'unknown_key');
  }
}

/** Data keys have UUIDs; ids of the keyring have at most 32 letters, so that none can be taken for one. */
function isDataKeyId(keyId: string): boolean {
  return isUuid(keyId);
}

function opened(cell: Cell, bytes: Buffer | undefined): PlainToken {
  if (!bytes) throw new OpenFailed(cell, 'not_authentic');
  return new PlainToken(bytes.toString('utf8'));
}
