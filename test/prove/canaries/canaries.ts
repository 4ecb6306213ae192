import { randomBytes } from 'node:crypto';
import { WINDOW_BYTES } from './canary-search';

/** What callers put where no secret belongs. */
export const MISPLACED = 'secret in a wrong place';

/** Every secret that was in play, and what it is. */
export class Canaries {
  private readonly kinds = new Map<string, string>();

  /** Remembers a secret; what is empty or too short to be told from chance is none. */
  keep(kind: string, secret: string | null | undefined): void {
    if (!secret || Buffer.byteLength(secret) < WINDOW_BYTES || this.kinds.has(secret)) return;
    this.kinds.set(secret, kind);
  }

  /** A JWT by its signature: header and claims are no secrets. */
  keepJwt(kind: string, jwt: string | undefined): void {
    this.keep(kind, jwt?.split('.')[2]);
  }

  /** A new secret of letters and digits, remembered. */
  make(kind: string): string {
    const secret = randomBytes(20).toString('hex');
    this.keep(kind, secret);
    return secret;
  }

  all(): ReadonlyMap<string, string> {
    return this.kinds;
  }

  /** How many secrets there are of every kind. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const kind of this.kinds.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }
}
