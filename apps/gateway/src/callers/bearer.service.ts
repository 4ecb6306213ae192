import { HUB_CONFIG, type AuthConfig, type HubConfig } from '@hub/config';
import { HubError, type EventDraft } from '@hub/domain';
import { OutboundClient, vouchedFor } from '@hub/outbound';
import { HubLogger } from '@hub/telemetry';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { errors, decodeProtectedHeader, jwtVerify, type JWTVerifyOptions } from 'jose';
import { callerOfClaims, type Caller } from './caller';
import { DenialsService } from './denials.service';
import { IssuerAway, IssuerKeys } from './issuer-keys.client';

const SECRET_ALGORITHMS = ['HS256'];
const KEY_SET_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const LONGEST_TOKEN = 8_192;

/** Verifies bearer tokens (RFC 7519, RFC 8725): the algorithm is chosen by our settings, never by the token alone. */
@Injectable()
export class BearerService implements OnApplicationShutdown {
  private readonly auth: AuthConfig;
  private readonly secret: Uint8Array | undefined;
  private readonly issuer: { readonly keys: IssuerKeys; readonly outbound: OutboundClient } | undefined;

  constructor(@Inject(HUB_CONFIG) config: HubConfig, logger: HubLogger, denials: DenialsService) {
    if (!config.auth) throw new Error('the gateway needs the auth settings');
    this.auth = config.auth;
    this.secret = this.auth.jwtSecret === null ? undefined : new TextEncoder().encode(this.auth.jwtSecret);
    const { jwksUrl } = this.auth;
    if (jwksUrl === null) return;
    // the operator names this host, and it may be a private one; nothing else may be reached by it
    const outbound = new OutboundClient(vouchedFor(config.outbound, jwksUrl));
    const tell = (event: EventDraft): void =>
      denials.recordOwn({ ...event, detail: { ...event.detail, setting: 'AUTH_JWKS_URL' } });
    this.issuer = { outbound, keys: new IssuerKeys(jwksUrl, outbound, logger, tell) };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.issuer?.outbound.close();
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
    if (this.issuer)
      return (await jwtVerify(token, this.issuer.keys.keyFor, { ...options, algorithms: KEY_SET_ALGORITHMS })).payload;
    throw new UnknownAlgorithm(alg);
  }
}

function isTokensFault(error: unknown): boolean {
  return error instanceof errors.JOSEError || error instanceof UnknownAlgorithm;
}

/**
 * Whether a bearer could not be verified since it names a key that is not among those at hand, and the issuer cannot be
 * asked for a newer one.
 */
export function namesUnknownKey(error: unknown): boolean {
  return error instanceof HubError && error.cause instanceof IssuerAway && error.cause.hasKeys;
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
