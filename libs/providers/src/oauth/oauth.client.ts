import type { ProviderCredentials } from '@hub/config';
import type { Endpoints, Failure } from '@hub/domain';
import { TOKEN_BYTES, USUAL_DEADLINE_MS, type OutboundClient, type OutboundOutcome } from '@hub/outbound';
import { inSpan, type SpanOptions } from '@hub/telemetry';
import type { ApiClient, Conversation, Grant, GrantConversation, OAuthProvider } from '../provider-definition';
import { oauthHalf, type RegisteredProvider } from '../registered-provider';
import { isClientRefusal, isSuccess, readAbsence, readRefusal, readUnusable } from '../wire-failure';
import { GuardedApiClient } from './api.client';
import { errorTypeOf, recordExchange, type ExchangeOperation } from './exchange-metrics';
import {
  exchangeRequest,
  refreshRequest,
  type ClientIdentity,
  type CodeToExchange,
  type TokenRequest,
} from './token-request';

/** What a token endpoint's answer comes to. */
export type GrantAnswer =
  { readonly ok: true; readonly grant: Grant } | { readonly ok: false; readonly failure: Failure };

/** `nothing_left`: the provider knows of no such grant any more. `not_offered`: it has no way to give one back. */
export type RevokeAnswer =
  | { readonly ok: true; readonly outcome: 'revoked' | 'nothing_left' | 'not_offered' }
  | { readonly ok: false; readonly failure: Failure };

/** The tokens to give back, in the clear. */
export interface TokensToRevoke {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
}

export interface CallOptions {
  /** The whole call, all secrets of a list included, in milliseconds. */
  readonly deadlineMs?: number;
}

/** A person waits for an exchange (contract: an unusable answer is told within ten seconds). */
export const EXCHANGE_DEADLINE_MS = 10_000;

/**
 * The one conversation with token endpoints: exchange, refresh, revoke. Expected refusals are values; it throws only
 * for a provider that has no OAuth or no credentials here, which is a bug of the caller.
 */
export class OAuthClient {
  /** By credentials: the place in their list of the secret that is tried first. */
  private readonly firstTried = new WeakMap<ProviderCredentials, number>();

  constructor(private readonly outbound: OutboundClient) {}

  /** Redeems an authorization code (RFC 6749 §4.1.3). */
  exchange(
    provider: RegisteredProvider,
    endpoints: Endpoints,
    code: CodeToExchange,
    { deadlineMs = EXCHANGE_DEADLINE_MS }: CallOptions = {},
  ): Promise<GrantAnswer> {
    return this.grant(provider, endpoints, 'exchange', deadlineMs, (definition, client) =>
      exchangeRequest(definition.token, client, code),
    );
  }

  /** Asks for a fresh access token (RFC 6749 §6). The grant's `refreshToken` is `undefined` where the old one stays. */
  refresh(
    provider: RegisteredProvider,
    endpoints: Endpoints,
    refreshToken: string,
    { deadlineMs = USUAL_DEADLINE_MS }: CallOptions = {},
  ): Promise<GrantAnswer> {
    return this.grant(provider, endpoints, 'refresh', deadlineMs, (definition, client) =>
      refreshRequest(definition.token, client, refreshToken),
    );
  }

  /**
   * Gives a grant back in the provider's own manner (RFC 7009 or an uninstall). Whether it may be given back at all,
   * since others may stand on it, is for the caller to know: see the definition's `revoke.manner`.
   */
  async revoke(
    provider: RegisteredProvider,
    endpoints: Endpoints,
    tokens: TokensToRevoke,
    { deadlineMs = USUAL_DEADLINE_MS }: CallOptions = {},
  ): Promise<RevokeAnswer> {
    const { definition } = oauthHalf(provider);
    const { request, isAlreadyRevoked } = definition.revoke;
    if (request === undefined) return { ok: true, outcome: 'not_offered' };
    return this.withEachSecret(provider, 'revoke', deadlineMs, async (client, leftMs): Promise<RevokeAnswer> => {
      const outcome = await this.outbound.send({
        ...request({ ...tokens, ...client, endpoints }),
        deadlineMs: leftMs,
        maxBytes: TOKEN_BYTES,
      });
      if (outcome.kind === 'answer' && isSuccess(outcome.answer)) return { ok: true, outcome: 'revoked' };
      if (outcome.kind === 'answer' && isAlreadyRevoked?.(outcome.answer)) return { ok: true, outcome: 'nothing_left' };
      return { ok: false, failure: readNo(definition, outcome, 'revoke') };
    });
  }

  /** The provider's API with this access token put in. With a deadline, all calls together end within it. */
  api(
    provider: RegisteredProvider,
    endpoints: Endpoints,
    accessToken: string,
    { deadlineMs }: CallOptions = {},
  ): ApiClient {
    const { definition } = provider;
    if (definition.authMode !== 'oauth2') throw new Error(`${definition.id} has no API token`);
    const endsAtMs = deadlineMs === undefined ? undefined : performance.now() + deadlineMs;
    return new GuardedApiClient(this.outbound, definition, endpoints, accessToken, endsAtMs);
  }

  private grant(
    provider: RegisteredProvider,
    endpoints: Endpoints,
    conversation: GrantConversation,
    deadlineMs: number,
    build: (definition: OAuthProvider, client: ClientIdentity) => TokenRequest,
  ): Promise<GrantAnswer> {
    const { definition } = oauthHalf(provider);
    const operation = conversation === 'exchange' ? 'code_exchange' : conversation;
    return this.withEachSecret(provider, operation, deadlineMs, async (client, leftMs) => {
      const outcome = await this.outbound.send({
        method: 'POST',
        url: endpoints.tokenUrl,
        ...build(definition, client),
        deadlineMs: leftMs,
        maxBytes: TOKEN_BYTES,
        freshConnection: true,
      });
      return readGrantAnswer(definition, outcome, conversation);
    });
  }

  /**
   * Tries the secrets in their order, as long as the provider refuses the client and nothing else: such a refusal
   * spends no code and no refresh token. What it comes to at last is recorded.
   */
  private withEachSecret<Answer extends { ok: true } | { ok: false; failure: Failure }>(
    provider: RegisteredProvider,
    operation: ExchangeOperation,
    deadlineMs: number,
    ask: (client: ClientIdentity, leftMs: number) => Promise<Answer>,
  ): Promise<Answer> {
    const options: SpanOptions<Answer> = {
      kind: 'client',
      facts: { 'hub.provider': provider.definition.id, 'hub.operation': operation },
      failureOf: (answer) => (answer.ok ? undefined : errorTypeOf(answer.failure)),
    };
    return inSpan(`oauth.exchange ${operation}`, options, () => this.tryEach(provider, operation, deadlineMs, ask));
  }

  private async tryEach<Answer extends { ok: true } | { ok: false; failure: Failure }>(
    provider: RegisteredProvider,
    operation: ExchangeOperation,
    deadlineMs: number,
    ask: (client: ClientIdentity, leftMs: number) => Promise<Answer>,
  ): Promise<Answer> {
    const startedMs = performance.now();
    const answer = await this.askInTurn(oauthHalf(provider).credentials, deadlineMs, ask);
    recordExchange({
      provider: provider.definition.id,
      operation,
      durationMs: performance.now() - startedMs,
      ...(!answer.ok && { failure: answer.failure }),
    });
    return answer;
  }

  /**
   * The next time it begins with the secret that was accepted, so that a change of secrets costs no second call for each
   * refresh; or with the one for which there was no time any more, so that a slow provider gets to hear that too.
   */
  private async askInTurn<Answer extends { ok: true } | { ok: false; failure: Failure }>(
    credentials: ProviderCredentials,
    deadlineMs: number,
    ask: (client: ClientIdentity, leftMs: number) => Promise<Answer>,
  ): Promise<Answer> {
    const { clientId, clientSecrets } = credentials;
    const [preferred] = clientSecrets;
    const first = this.firstTried.get(credentials) ?? 0;
    const endsAtMs = performance.now() + deadlineMs;
    let leftMs = deadlineMs;
    for (let tried = 0; ; tried += 1) {
      const place = (first + tried) % clientSecrets.length;
      const beforeMs = leftMs;
      const answer = await ask({ clientId, clientSecret: clientSecrets[place] ?? preferred }, beforeMs);
      if (answer.ok) this.firstTried.set(credentials, place);
      if (answer.ok || !isClientRefusal(answer.failure) || tried === clientSecrets.length - 1) return answer;
      leftMs = endsAtMs - performance.now();
      if (leftMs < leastMsForAnother(deadlineMs, beforeMs - leftMs)) {
        this.firstTried.set(credentials, (place + 1) % clientSecrets.length);
        return answer;
      }
    }
  }
}

/**
 * A call that is cut off once it was sent may spend a refresh token without an answer. So another is sent only if it may
 * take half as long again as the one before, and half of what all have together.
 */
function leastMsForAnother(wholeMs: number, tookMs: number): number {
  return Math.max(wholeMs / 2, tookMs * 1.5);
}

function readGrantAnswer(
  definition: OAuthProvider,
  outcome: OutboundOutcome,
  conversation: GrantConversation,
): GrantAnswer {
  if (outcome.kind !== 'answer' || !isSuccess(outcome.answer))
    return { ok: false, failure: readNo(definition, outcome, conversation) };
  const reading = definition.readGrant(outcome.answer, conversation);
  if (reading.ok) return { ok: true, grant: withKnownLife(reading.grant, definition) };
  const named = definition.readFailure(outcome.answer, conversation);
  return { ok: false, failure: named ?? readUnusable(conversation, reading.reason) };
}

/** Some providers' tokens end without their answers saying so. */
function withKnownLife(grant: Grant, { refresh }: OAuthProvider): Grant {
  return { ...grant, expiresInSeconds: grant.expiresInSeconds ?? refresh.defaultLifeSeconds ?? null };
}

function readNo(definition: OAuthProvider, outcome: OutboundOutcome, conversation: Conversation): Failure {
  if (outcome.kind !== 'answer') return readAbsence(outcome, conversation);
  return definition.readFailure(outcome.answer, conversation) ?? readRefusal(outcome.answer, conversation);
}
