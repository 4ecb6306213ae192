import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Sealed } from '@hub/domain';
import { decryptGcm, encryptGcm, hkdfSha256 } from './primitives';
import { COMMITMENT_BYTES, formatSealed, SALT_BYTES, type SealedParts } from './sealed-format';

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
  const { messageKey, commitment, iv } = derive(key, salt);
  return formatSealed({ keyId: key.id, salt, commitment, ...encryptGcm(messageKey, iv, context, plain) });
}

/** Opens what `sealBytes` made with the same key and context; `undefined` in every other case. */
export function openBytes(key: VaultKey, context: Buffer, parts: SealedParts): Buffer | undefined {
  const { messageKey, commitment, iv } = derive(key, parts.salt);
  if (!timingSafeEqual(commitment, parts.commitment)) return undefined;
  return decryptGcm(messageKey, iv, context, parts);
}

function derive(key: VaultKey, salt: Buffer): { messageKey: Buffer; commitment: Buffer; iv: Buffer } {
  const info = `hub/1 aes-256-gcm${key.id}`;
  const bytes = hkdfSha256(key.key, salt, info, KEY_BYTES + COMMITMENT_BYTES + IV_BYTES);
  return {
    messageKey: bytes.subarray(0, KEY_BYTES),
    commitment: bytes.subarray(KEY_BYTES, KEY_BYTES + COMMITMENT_BYTES),
    iv: bytes.subarray(KEY_BYTES + COMMITMENT_BYTES),
  };
}
