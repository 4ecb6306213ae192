import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

const AES_256_GCM = 'aes-256-gcm';
export const TAG_BYTES = 16;

/** What AES-256-GCM makes of a message: as many bytes as it had, and the tag that vouches for them. */
export interface GcmSealed {
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** HKDF-SHA256 (RFC 5869), extract and expand. */
export function hkdfSha256(key: Buffer, salt: Buffer, info: string | Buffer, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, bytes));
}

/** AES-256-GCM with a tag of 16 bytes. The same key and nonce never seal twice: that would give both away. */
export function encryptGcm(key: Buffer, iv: Buffer, context: Buffer, plain: Buffer): GcmSealed {
  const cipher = createCipheriv(AES_256_GCM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Opens what `encryptGcm` made of the same; `undefined` in every other case, a shorter tag included. */
export function decryptGcm(key: Buffer, iv: Buffer, context: Buffer, sealed: GcmSealed): Buffer | undefined {
  if (sealed.tag.length !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv(AES_256_GCM, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.tag);
  try {
    return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]);
  } catch {
    return undefined;
  }
}
