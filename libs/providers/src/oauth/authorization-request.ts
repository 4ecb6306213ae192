import type { Endpoints } from '@hub/domain';
import OAuth2Strategy from 'passport-oauth2';
import { oauthHalf, type RegisteredProvider } from '../registered-provider';

/** What the browser is sent to the provider with. */
export interface AuthorizationOrder {
  readonly provider: RegisteredProvider;
  /** Frozen in the flow. */
  readonly endpoints: Endpoints;
  readonly redirectUri: string;
  /** 256 random bits of the caller's making, URL-safe; the caller keeps their hash. */
  readonly state: string;
}

export interface AuthorizationRequest {
  /** The provider's authorize URL, complete. */
  readonly url: string;
  /** PKCE's secret half, to be sealed in the flow; `undefined` where the provider takes no PKCE. */
  readonly verifier: string | undefined;
}

type Stored = (error: Error | null, state?: string) => void;

/**
 * Builds the authorize URL (RFC 6749 §4.1.1, RFC 7636 §4.3) by passport-oauth2. The callback is not its business: it
 * believes `error` before `state` and has no deadline for the exchange.
 */
export function buildAuthorizationRequest(order: AuthorizationOrder): Promise<AuthorizationRequest> {
  const { definition, credentials } = oauthHalf(order.provider);
  const { scopes, authorize } = definition;
  return new Promise((resolve, reject) => {
    let verifier: string | undefined;
    // passport-oauth2 chooses how to call a store by its number of parameters: five mean "with PKCE and meta".
    const store = {
      store(_request: unknown, pkceVerifier: string | undefined, _state: unknown, _meta: unknown, stored: Stored) {
        verifier = pkceVerifier;
        stored(null, order.state);
      },
      verify(_request: unknown, _state: string, _meta: unknown, verified: (error: Error) => void) {
        verified(new Error('callbacks are checked by the hub itself'));
      },
    };
    const strategy = new BrowserHalf(
      {
        authorizationURL: order.endpoints.authorizeUrl,
        tokenURL: order.endpoints.tokenUrl,
        clientID: credentials.clientId,
        clientSecret: '',
        callbackURL: order.redirectUri,
        ...(scopes.separator !== null && {
          scope: [...order.provider.requestedScopes],
          scopeSeparator: scopes.separator,
        }),
        pkce: authorize.pkce === 'S256',
        // Never the `state` option: as a string it would switch the store off.
        store: store as unknown as OAuth2Strategy.StateStore,
      },
      authorize.params,
    );
    strategy.redirect = (url: string) => resolve({ url, verifier });
    strategy.error = reject;
    strategy.fail = () => reject(new Error('passport-oauth2 refused to build the authorize URL'));
    strategy.authenticate({ query: {} } as never, {});
  });
}

/** One instance serves one request: passport puts the request's own callbacks on it. */
class BrowserHalf extends OAuth2Strategy {
  constructor(
    options: OAuth2Strategy.StrategyOptions,
    private readonly params: Readonly<Record<string, string>>,
  ) {
    super(options, neverVerified);
  }

  override authorizationParams(): object {
    return { ...this.params };
  }
}

function neverVerified(): never {
  throw new Error('the token half of passport-oauth2 is not used');
}
