import { createHash } from 'node:crypto';
import type { CloseReason } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

/** All times are milliseconds of the provider's clock. */

export interface AccessToken {
  readonly value: string;
  readonly print: string;
  readonly grant: Grant;
  readonly generation: number;
  readonly issuedAt: number;
  /** Null never expires. */
  expiresAt: number | null;
  /** A later refresh ended it before its time (`oldAccessToken: dies`). */
  dead: boolean;
}

export interface RefreshToken {
  readonly value: string;
  readonly print: string;
  readonly grant: Grant;
  readonly generation: number;
  readonly issuedAt: number;
  expiresAt: number | null;
  lastUsedAt: number | null;
  /** When it was first accepted; null while nobody has used it. */
  firstUsedAt: number | null;
  timesAccepted: number;
  /** What its last acceptance handed out when it rotated. */
  successor: { access: AccessToken; refresh: RefreshToken } | null;
  /** Why it can never be accepted again, whatever the rotation rules say. */
  dead: 'replaced' | 'evicted' | null;
}

/** What one code exchange made, with everything that descends from it by refreshes. */
export interface Grant {
  readonly id: string;
  readonly account: string;
  readonly clientId: string;
  readonly details: Readonly<Record<string, string>>;
  readonly openedAt: number;
  scopes: readonly string[];
  /** Counts the refreshes that rotated or made a new access token: 0 is the exchange itself. */
  generation: number;
  refresh: RefreshToken | null;
  /** Refresh tokens before the current one, oldest first; only the latest are remembered. */
  spent: RefreshToken[];
  /** Access tokens, oldest first; only the latest are remembered. */
  access: AccessToken[];
  closed: CloseReason | null;
}

/** First 16 hex digits of a token's SHA-256: how the history names a token without holding it. */
export function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 16);
}

export function isAlive(token: { expiresAt: number | null }, now: number): boolean {
  return token.expiresAt === null || token.expiresAt > now;
}

/** Whole seconds until an instant, never negative; null for what never expires. */
export function secondsLeft(expiresAt: number | null, now: number): number | null {
  return expiresAt === null ? null : Math.max(0, Math.round((expiresAt - now) / 1000));
}
