import { parseScopes } from '@hub/domain';
import { asObject, field, type JsonObject } from './json-fields';
import type { Grant, GrantConversation, GrantReading, WireAnswer } from './provider-definition';

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

/** There, but not what it should be. */
const MALFORMED = Symbol('malformed');
type Read<T> = T | undefined | typeof MALFORMED;

/**
 * Reads a token endpoint's good answer. An exchange is read strictly: what is not certainly a grant is refused with fixed
 * words. The answer of a refresh may be the only copy of the successor of a spent token: whatever is odd beside its access
 * token counts as absent there.
 *
 * @returns the grant, or the name of the member that is wrong
 */
export function readBearerGrant(
  answer: WireAnswer,
  conversation: GrantConversation,
  manners: GrantManners,
): GrantReading {
  const body = asObject(answer.json);
  if (body === undefined) return { ok: false, reason: 'no_json_object' };
  const accessToken = readToken(body, 'access_token');
  if (accessToken === undefined || accessToken === MALFORMED) return { ok: false, reason: 'access_token' };
  const beside = {
    token_type: readType(body, manners.tokenType),
    refresh_token: readToken(body, 'refresh_token'),
    expires_in: readSeconds(body, 'expires_in'),
    scope: readScopes(body, manners),
  } as const;
  const odd = Object.entries(beside).find(([, value]) => value === MALFORMED);
  if (odd && conversation === 'exchange') return { ok: false, reason: odd[0] };
  return {
    ok: true,
    grant: {
      accessToken,
      refreshToken: orAbsent(beside.refresh_token),
      expiresInSeconds: orAbsent(beside.expires_in) ?? null,
      // Only advice on when to keep the grant alive: a strange value is no reason to lose the grant.
      refreshExpiresInSeconds: orAbsent(readSeconds(body, 'refresh_token_expires_in')) ?? null,
      scopes: orAbsent(beside.scope),
      account: undefined,
      metadata: {},
      ...manners.more?.(body),
    },
  };
}

function orAbsent<T>(read: Read<T>): T | undefined {
  return read === MALFORMED ? undefined : read;
}

/** Absent also as `null` or as an empty text. */
function readToken(body: JsonObject, name: string): Read<string> {
  const token = field(body, name);
  if (token === undefined || token === null || token === '') return undefined;
  return typeof token === 'string' && token.length <= LONGEST_TOKEN && VISIBLE_ASCII.test(token) ? token : MALFORMED;
}

function readType(body: JsonObject, rule: GrantManners['tokenType']): Read<'bearer'> {
  const type = field(body, 'token_type') ?? undefined;
  if (type === undefined) return rule === 'optional' ? undefined : MALFORMED;
  return typeof type === 'string' && type.toLowerCase() === 'bearer' ? 'bearer' : MALFORMED;
}

function readSeconds(body: JsonObject, name: string): Read<number> {
  const value = field(body, name);
  if (value === undefined || value === null) return undefined;
  const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 && seconds <= LONGEST_LIFE_SECONDS ? seconds : MALFORMED;
}

function readScopes(body: JsonObject, manners: GrantManners): Read<string[]> {
  const scope = field(body, 'scope');
  if (scope === undefined || scope === null) return undefined;
  return typeof scope === 'string' ? manners.normaliseScopes(parseScopes(scope)) : MALFORMED;
}
