import { HUB_CONFIG, type AuthConfig, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { Inject, Injectable } from '@nestjs/common';
import {
  errors,
  createRemoteJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { callerOfClaims, type Caller } from './caller';

const SECRET_ALGORITHMS = ['HS256'];
const KEY_SET_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const KEY_SET_TIMEOUT_MS = 5_000;
/** An unknown key id asks for the key set again, but not more often than this. */
const KEY_SET_COOLDOWN_MS = 30_000;
const KEY_SET_MAX_AGE_MS = 10 * 60_000;
const LONGEST_TOKEN = 8_192;

/** Verifies bearer tokens (RFC 7519, RFC 8725): the algorithm is chosen by our settings, never by the token alone. */
@Injectable()
export class BearerService {
  private readonly auth: AuthConfig;
  private readonly secret: Uint8Array | undefined;
  private readonly keySet: JWTVerifyGetKey | undefined;

  constructor(@Inject(HUB_CONFIG) config: HubConfig) {
    if (!config.auth) throw new Error('the gateway needs the auth settings');
    this.auth = config.auth;
    this.secret = this.auth.jwtSecret === null ? undefined : new TextEncoder().encode(this.auth.jwtSecret);
    this.keySet =
      this.auth.jwksUrl === null
        ? undefined
        : createRemoteJWKSet(new URL(this.auth.jwksUrl), {
            timeoutDuration: KEY_SET_TIMEOUT_MS,
            cooldownDuration: KEY_SET_COOLDOWN_MS,
            cacheMaxAge: KEY_SET_MAX_AGE_MS,
          });
  }

  /**
   * The caller behind an `Authorization` header; `undefined` whatever is wrong with it.
   *
   * @throws HubError `provider_unavailable` if the issuer's keys cannot be fetched: then nobody can say what is wrong
   */
  async callerOf(authorization: string | undefined): Promise<Caller | undefined> {
    const token = /^Bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > LONGEST_TOKEN) return undefined;
    try {
      return callerOfClaims(await this.verify(token), this.auth.orgClaim);
    } catch (error) {
      if (!isTokensFault(error)) throw keySetAway(error);
      return undefined; // forged, expired, for somebody else: all the same to whoever asks
    }
  }

  private async verify(token: string): Promise<Record<string, unknown>> {
    const options: JWTVerifyOptions = { issuer: this.auth.issuer, audience: this.auth.audience };
    const alg = algorithmOf(token);
    if (this.secret && SECRET_ALGORITHMS.includes(alg ?? ''))
      return (await jwtVerify(token, this.secret, { ...options, algorithms: SECRET_ALGORITHMS })).payload;
    if (this.keySet)
      return (await jwtVerify(token, this.keySet, { ...options, algorithms: KEY_SET_ALGORITHMS })).payload;
    throw new UnknownAlgorithm(alg);
  }
}

/** Codes of jose's errors by which a key set, not the token, is at fault. */
const KEY_SET_FAULTS: ReadonlySet<string> = new Set([
  errors.JWKSTimeout.code,
  errors.JWKSInvalid.code,
  errors.JOSEError.code, // an answer other than 200, or one that is no JSON
]);

function isTokensFault(error: unknown): boolean {
  return (error instanceof errors.JOSEError && !KEY_SET_FAULTS.has(error.code)) || error instanceof UnknownAlgorithm;
}

/** The token asks for an algorithm that we have no key for. */
class UnknownAlgorithm extends Error {}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg;
  } catch (cause) {
    throw new UnknownAlgorithm('not a JWT', { cause });
  }
}

function keySetAway(cause: unknown): HubError {
  return new HubError('provider_unavailable', 'The keys of the token’s issuer cannot be fetched at the moment.', {
    title: 'Bearer tokens cannot be verified',
    retryAfterSeconds: 5,
    cause,
  });
}
