import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Sealed } from '@hub/domain';
import { boundContext, type Cell } from './cell';
import { PlainToken } from './plain-token';
import { COMMITMENT_BYTES, formatSealed, parseSealed, SALT_BYTES, TAG_BYTES } from './sealed-format';

const KEY_BYTES = 32;
const IV_BYTES = 12;

/** One key of the keyring: 32 bytes under an id that every sealed value names. */
export interface VaultKey {
  readonly id: string;
  readonly key: Buffer;
}

/** A sealed value that does not open: forged, cut, moved to another cell, or its key is gone. Says where, never what. */
export class OpenFailed extends Error {
  constructor(
    readonly cell: Cell,
    readonly reason: 'malformed' | 'unknown_key' | 'not_authentic',
  ) {
    super(`a sealed value of ${cell.table}.${cell.column} does not open: ${reason}`);
    this.name = 'OpenFailed';
  }
}

/**
 * Seals secrets with AES-256-GCM, each under a key of its own that HKDF-SHA256 derives from the keyring's key and a
 * random salt, together with a commitment to that key (security reference §4; NIST SP 800-38D §8.3 is why no key seals
 * many messages; RFC 5869 for HKDF).
 */
export class TokenVault {
  private readonly sealing: VaultKey;
  private readonly byId: ReadonlyMap<string, VaultKey>;

  /** @param keys the first seals, all open */
  constructor(keys: readonly VaultKey[]) {
    const [first] = keys;
    if (!first) throw new Error('the token vault needs at least one key');
    this.sealing = first;
    this.byId = new Map(keys.map((key) => [key.id, key]));
  }

  /** Seals a secret for one cell. */
  seal(cell: Cell, secret: PlainToken): Sealed {
    const salt = randomBytes(SALT_BYTES);
    const derived = derive(this.sealing, salt);
    const cipher = createCipheriv('aes-256-gcm', derived.key, derived.iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundContext(cell, this.sealing.id));
    const ciphertext = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
    return formatSealed({
      keyId: this.sealing.id,
      salt,
      commitment: derived.commitment,
      ciphertext,
      tag: cipher.getAuthTag(),
    });
  }

  /**
   * Opens what `seal` made for the same cell.
   *
   * @throws OpenFailed in every other case
   */
  open(cell: Cell, sealed: string): PlainToken {
    const parts = parseSealed(sealed);
    if (!parts) throw new OpenFailed(cell, 'malformed');
    const key = this.byId.get(parts.keyId);
    if (!key) throw new OpenFailed(cell, 'unknown_key');
    const derived = derive(key, parts.salt);
    if (!timingSafeEqual(derived.commitment, parts.commitment)) throw new OpenFailed(cell, 'not_authentic');
    const decipher = createDecipheriv('aes-256-gcm', derived.key, derived.iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(boundContext(cell, parts.keyId));
    decipher.setAuthTag(parts.tag);
    try {
      return new PlainToken(Buffer.concat([decipher.update(parts.ciphertext), decipher.final()]).toString('utf8'));
    } catch {
      throw new OpenFailed(cell, 'not_authentic');
    }
  }
}

function derive(key: VaultKey, salt: Buffer): { key: Buffer; commitment: Buffer; iv: Buffer } {
  const info = `hub/1 aes-256-gcm${key.id}`;
  const bytes = Buffer.from(hkdfSync('sha256', key.key, salt, info, KEY_BYTES + COMMITMENT_BYTES + IV_BYTES));
  return {
    key: bytes.subarray(0, KEY_BYTES),
    commitment: bytes.subarray(KEY_BYTES, KEY_BYTES + COMMITMENT_BYTES),
    iv: bytes.subarray(KEY_BYTES + COMMITMENT_BYTES),
  };
}
