import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET_BYTES = 32;

/** 256 random bits, URL-safe: a state, a cookie, the address of a page. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** True for text that could be one of ours. */
export function looksLikeSecret(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** All that is kept of a secret. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Whether a presented secret is the one whose hash was kept, in constant time. */
export function isSecret(presented: string | undefined, hash: Buffer | null): boolean {
  return presented !== undefined && hash !== null && timingSafeEqual(hashSecret(presented), hash);
}

/** The proof that a form was made for this browser: bound to its cookie, and to the page it stands on. */
export function csrfProof(cookie: string, page: string): string {
  return createHmac('sha256', cookie).update(`hub csrf ${page}`).digest('base64url');
}

/** Whether a presented proof is right, in constant time. */
export function isCsrfProof(presented: string, cookie: string, page: string): boolean {
  const expected = Buffer.from(csrfProof(cookie, page));
  const given = Buffer.from(presented);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
