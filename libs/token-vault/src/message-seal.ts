import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Sealed } from '@hub/domain';
import { COMMITMENT_BYTES, formatSealed, SALT_BYTES, TAG_BYTES, type SealedParts } from './sealed-format';

export const KEY_BYTES = 32;
const IV_BYTES = 12;

/** A key that seals: 32 bytes under an id that every value names which it has sealed. */
export interface VaultKey {
  readonly id: string;
  readonly key: Buffer;
}

/**
 * Seals bytes with AES-256-GCM under a key of their own, which HKDF-SHA256 derives from the given one and a random salt,
 * together with a commitment to it (security reference §4; NIST SP 800-38D §8.3 is why no key seals many messages; RFC
 * 5869 for HKDF).
 *
 * @param context what they are bound to: they open with the same context only
 */
export function sealBytes(key: VaultKey, context: Buffer, plain: Buffer): Sealed {
  const salt = randomBytes(SALT_BYTES);
  const derived = derive(key, salt);
  const cipher = createCipheriv('aes-256-gcm', derived.key, derived.iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return formatSealed({
    keyId: key.id,
    salt,
    commitment: derived.commitment,
    ciphertext,
    tag: cipher.getAuthTag(),
  });
}

/** Opens what `sealBytes` made with the same key and context; `undefined` in every other case. */
export function openBytes(key: VaultKey, context: Buffer, parts: SealedParts): Buffer | undefined {
  const derived = derive(key, parts.salt);
  if (!timingSafeEqual(derived.commitment, parts.commitment)) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', derived.key, derived.iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(parts.tag);
  try {
    return Buffer.concat([decipher.update(parts.ciphertext), decipher.final()]);
  } catch {
    return undefined;
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
