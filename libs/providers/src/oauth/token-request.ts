import type { TokenRules } from '../provider-definition';
import { basicClientAuth } from './client-auth';

/** The hub's registration, with the one secret that this request tries. */
export interface ClientIdentity {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** An authorization code and what proves that it is ours. */
export interface CodeToExchange {
  readonly code: string;
  readonly redirectUri: string;
  /** PKCE's proof, where the flow has one (RFC 7636 §4.5). */
  readonly verifier: string | undefined;
}

/** Headers and body of a request to a token endpoint. */
export interface TokenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** RFC 6749 §4.1.3, bent by the provider's rules. */
export function exchangeRequest(rules: TokenRules, client: ClientIdentity, exchange: CodeToExchange): TokenRequest {
  return tokenRequest(rules, client, {
    ...rules.exchangeParams,
    ...(rules.sendsRedirectUri && { grant_type: 'authorization_code', redirect_uri: exchange.redirectUri }),
    code: exchange.code,
    ...(exchange.verifier !== undefined && { code_verifier: exchange.verifier }),
  });
}

/** RFC 6749 §6. */
export function refreshRequest(rules: TokenRules, client: ClientIdentity, refreshToken: string): TokenRequest {
  return tokenRequest(rules, client, { grant_type: 'refresh_token', refresh_token: refreshToken });
}

function tokenRequest(
  rules: TokenRules,
  client: ClientIdentity,
  params: Readonly<Record<string, string>>,
): TokenRequest {
  const { clientId, clientSecret } = client;
  const all = rules.clientAuth === 'body' ? { ...params, client_id: clientId, client_secret: clientSecret } : params;
  return {
    headers: {
      accept: 'application/json',
      'content-type': rules.body === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
      ...rules.headers,
      ...(rules.clientAuth === 'basic' && { authorization: basicClientAuth(clientId, clientSecret) }),
    },
    body: rules.body === 'json' ? JSON.stringify(all) : new URLSearchParams(all).toString(),
  };
}
