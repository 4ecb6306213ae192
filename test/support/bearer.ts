import { randomBytes } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { CALLER_SCOPES, type CallerScope } from '@hub/domain';

/** What a stack's gateway verifies bearer tokens with. */
export const AUTH = {
  issuer: 'https://login.test',
  audience: 'hub-under-test',
  secret: randomBytes(36).toString('base64url'),
} as const;

/** What a bearer token says; what is left out is as a good token has it. */
export interface Claims {
  readonly org: string;
  readonly sub?: string;
  readonly scopes?: readonly CallerScope[];
}

/** A good bearer token. */
export function bearerOf({ org, sub = 'ada', scopes = CALLER_SCOPES }: Claims): Promise<string> {
  return signed({ sub, org_id: org, scope: scopes.join(' '), ...standing() });
}

/** A token of exactly these claims, signed with the stack's own secret unless another one is given. */
export function signed(payload: JWTPayload, secret: string = AUTH.secret, alg = 'HS256'): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, typ: 'JWT' }).sign(new TextEncoder().encode(secret));
}

/** Issuer, audience and times of a good token. */
export function standing(): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { iss: AUTH.issuer, aud: AUTH.audience, iat: now, exp: now + 3_600 };
}
