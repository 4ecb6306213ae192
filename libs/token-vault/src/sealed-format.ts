import type { Sealed } from '@hub/domain';
import { TAG_BYTES } from './primitives';

/** Bytes of a salt for the message's own key, and of the commitment to that key; GCM's tag stands behind them. */
export const SALT_BYTES = 32;
export const COMMITMENT_BYTES = 32;
const SHORTEST_BODY_BYTES = SALT_BYTES + COMMITMENT_BYTES + TAG_BYTES;

export const VERSION = 'hub1';

/** A sealed value's parts: `hub1.<keyId>.<base64url(salt ‖ commitment ‖ ciphertext ‖ tag)>`. */
export interface SealedParts {
  readonly keyId: string;
  readonly salt: Buffer;
  readonly commitment: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

export function formatSealed(parts: SealedParts): Sealed {
  const body = Buffer.concat([parts.salt, parts.commitment, parts.ciphertext, parts.tag]);
  return `${VERSION}.${parts.keyId}.${body.toString('base64url')}` as Sealed;
}

/** The parts of a sealed value; `undefined` unless it is exactly one: another version, more parts or a sloppy encoding fail closed. */
export function parseSealed(text: string): SealedParts | undefined {
  const [version, keyId, encoded, ...rest] = text.split('.');
  if (version !== VERSION || !keyId || !encoded || rest.length > 0) return undefined;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(keyId)) return undefined;
  const body = Buffer.from(encoded, 'base64url');
  if (body.toString('base64url') !== encoded || body.length < SHORTEST_BODY_BYTES) return undefined;
  return {
    keyId,
    salt: body.subarray(0, SALT_BYTES),
    commitment: body.subarray(SALT_BYTES, SALT_BYTES + COMMITMENT_BYTES),
    ciphertext: body.subarray(SALT_BYTES + COMMITMENT_BYTES, body.length - TAG_BYTES),
    tag: body.subarray(body.length - TAG_BYTES),
  };
}
