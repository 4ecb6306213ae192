import type { BearerSettings } from '@hub/config';
import type { OrgId } from '@hub/domain';
import { SignJWT } from 'jose';

/** Whom a token speaks for, what it allows and for how long. */
export interface Bearer {
  readonly orgId: OrgId;
  /** The user or service. */
  readonly sub: string;
  readonly scopes: readonly string[];
  readonly lifeMs: number;
}

/** A bearer token that the gateway accepts, signed by HS256. */
export async function makeBearerToken(
  settings: BearerSettings & { readonly jwtSecret: string },
  bearer: Bearer,
  now: Date,
): Promise<string> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  return new SignJWT({ ...claimAt(settings.orgClaim, bearer.orgId), scope: bearer.scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setSubject(bearer.sub)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.floor(bearer.lifeMs / 1000))
    .sign(new TextEncoder().encode(settings.jwtSecret));
}

/** A claim at the end of a path: `['a', 'b']` and `v` give `{ a: { b: v } }`. */
function claimAt(path: readonly string[], value: string): Record<string, unknown> {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, unknown>;
}
