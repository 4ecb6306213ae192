import { parseScopes } from '@hub/domain';
import { asObject, field, type JsonObject } from './json-fields';
import type { Grant, GrantReading, WireAnswer } from './provider-definition';

/** How far a provider bends RFC 6749 §5.1. */
export interface GrantManners {
  /** `optional`: the provider leaves `token_type` out; where it is there it must say bearer all the same. */
  readonly tokenType: 'required' | 'optional';
  /** The provider's own names for one right, made one (`ScopeRules.normalise`). */
  readonly normaliseScopes: (scopes: readonly string[]) => string[];
  /** What else the answer tells. */
  readonly more?: (body: JsonObject) => Partial<Pick<Grant, 'account' | 'metadata'>>;
}

const LONGEST_TOKEN = 8 * 1024;
const LONGEST_LIFE_SECONDS = 10 * 366 * 24 * 3_600;
/** RFC 6749 appendix A.12: tokens are of visible ASCII; anything else is no token, or would break a header. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Reads a token endpoint's good answer strictly: what is not certainly a grant is refused with fixed words.
 *
 * @returns the grant, or which member is wrong
 */
export function readBearerGrant(answer: WireAnswer, manners: GrantManners): GrantReading {
  const body = asObject(answer.json);
  if (body === undefined) return { ok: false, reason: 'no_json_object' };
  const accessToken = readToken(body, 'access_token');
  if (typeof accessToken !== 'string') return { ok: false, reason: 'access_token' };
  if (!isBearer(body, manners.tokenType)) return { ok: false, reason: 'token_type' };
  const refreshToken = readToken(body, 'refresh_token');
  if (refreshToken === null) return { ok: false, reason: 'refresh_token' };
  const expiresInSeconds = readSeconds(body, 'expires_in');
  if (expiresInSeconds === undefined) return { ok: false, reason: 'expires_in' };
  const scopes = readScopes(body, manners);
  if (scopes === null) return { ok: false, reason: 'scope' };
  return {
    ok: true,
    grant: {
      accessToken,
      refreshToken,
      expiresInSeconds,
      // Only advice on when to keep the grant alive: a strange value is no reason to lose the grant.
      refreshExpiresInSeconds: readSeconds(body, 'refresh_token_expires_in') ?? null,
      scopes,
      account: undefined,
      metadata: {},
      ...manners.more?.(body),
    },
  };
}

/** `undefined`: absent, also as `null` or an empty text. `null`: there, but no token. */
function readToken(body: JsonObject, name: string): string | undefined | null {
  const token = field(body, name);
  if (token === undefined || token === null || token === '') return undefined;
  return typeof token === 'string' && token.length <= LONGEST_TOKEN && VISIBLE_ASCII.test(token) ? token : null;
}

function isBearer(body: JsonObject, rule: GrantManners['tokenType']): boolean {
  const type = field(body, 'token_type') ?? undefined;
  if (type === undefined) return rule === 'optional';
  return typeof type === 'string' && type.toLowerCase() === 'bearer';
}

/** `null`: absent. `undefined`: there, but no life that a token can have. */
function readSeconds(body: JsonObject, name: string): number | null | undefined {
  const value = field(body, name);
  if (value === undefined || value === null) return null;
  const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 && seconds <= LONGEST_LIFE_SECONDS ? seconds : undefined;
}

/** `undefined`: the answer does not say. `null`: there, but no text. */
function readScopes(body: JsonObject, manners: GrantManners): string[] | undefined | null {
  const scope = field(body, 'scope');
  if (scope === undefined || scope === null) return undefined;
  return typeof scope === 'string' ? manners.normaliseScopes(parseScopes(scope)) : null;
}
