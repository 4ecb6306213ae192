import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const ITERATIONS = 4096;

/**
 * A password as PostgreSQL keeps it (SCRAM-SHA-256, RFC 5802 §3, RFC 7677), so that the password itself never stands in
 * a statement that the server may log.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
}

/** The salt of a verifier; empty if it is none of SCRAM-SHA-256. */
export function saltOf(verifier: string): Buffer {
  return Buffer.from(/^SCRAM-SHA-256\$\d+:([^$]*)\$/.exec(verifier)?.[1] ?? '', 'base64');
}
