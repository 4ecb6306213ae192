import type { Readable } from 'node:stream';
import { IntegrationRepository } from '@hub/database';
import { HubError, type OrgId } from '@hub/domain';
import { OutboundClient, type StreamedOutcome, type StreamedRequest } from '@hub/outbound';
import { ProviderRegistry, providerId, speaksOAuth, type OAuthProvider, type RegisteredProvider } from '@hub/providers';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { DemandService } from '../integrations/demand.service';
import { TokensService, type LentToken } from '../tokens/tokens.service';
import { bodyTooLarge, takeBody, type ProxyBody } from './proxy-body';
import { headersToSend, headersToTell, type RawHeaders } from './proxy-headers';
import { locationThroughProxy, readRest, targetOf, type ProxyTarget } from './proxy-path';

/** A call as it came. */
export interface ProxyCall {
  readonly method: StreamedRequest['method'];
  readonly provider: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: RawHeaders;
  readonly contentType: string | undefined;
  readonly body: Readable | undefined;
  readonly address: string;
  /** By `performance.now()`. */
  readonly arrivedMs: number;
  /** The caller has left, or the call takes too long. */
  readonly signal: AbortSignal;
}

/** Why a 401 was not tried again. */
type NotReplayed = 'body_too_large' | 'token_is_new' | 'no_newer_token';

/** What the provider answered. */
export interface ProxyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Readable;
  readonly replay: 'none' | 'replayed' | NotReplayed;
}

type Answered = Extract<StreamedOutcome, { readonly kind: 'answer' }>;
interface Lent extends LentToken {
  readonly apiBaseUrl: string;
}

/** From the start of a call to the head of its answer, the caller's body included. */
const ANSWER_WITHIN_MS = 60_000;
/** A token so young is not replaced for a 401: whoever calls what no token may see would spend a refresh each time. */
const NEW_MS = 60_000;
const LOOKS = 3;
const UNAUTHORIZED = 401;

/** Calls a provider's API in the name of a caller, with the org's token put in. */
@Injectable()
export class ProxyService {
  constructor(
    private readonly providers: ProviderRegistry,
    private readonly integrations: IntegrationRepository,
    private readonly tokens: TokensService,
    private readonly demands: DemandService,
    private readonly outbound: OutboundClient,
    private readonly denials: DenialsService,
  ) {}

  /**
   * @returns the provider's answer, whatever its status; a 401 only after one refresh and one replay, or with the reason why not
   * @throws HubError `invalid_request` for a path, a body or a provider that cannot be, `not_connected`, `reauth_required`,
   *                  `provider_unavailable` where no answer came
   */
  async relay(caller: Caller, call: ProxyCall): Promise<ProxyAnswer> {
    const provider = this.oauthProvider(call.provider);
    const reading = readRest(call.url, call.provider);
    if (!reading.ok) this.reject(caller, call, reading.reason);
    const lent = await this.lend(caller, provider, call.arrivedMs);
    const body = await takeBody(call.body, call.headers);
    const target = this.target(caller, call, lent, reading.rest);
    const first = await this.send(provider, call, lent, target, body);
    if (first.status !== UNAUTHORIZED) return this.told(first, 'none', call, lent, target);
    if (body.kind === 'passing') return this.told(first, 'body_too_large', call, lent, target);
    const newer = await this.newerThan(lent, caller, provider).catch((error: unknown) => {
      first.body.destroy();
      throw error;
    });
    if (typeof newer === 'string') return this.told(first, newer, call, lent, target);
    first.body.destroy();
    const newTarget = this.target(caller, call, newer, reading.rest);
    const second = await this.send(provider, call, newer, newTarget, body);
    return this.told(second, 'replayed', call, newer, newTarget);
  }

  private oauthProvider(name: string): RegisteredProvider<OAuthProvider> {
    const provider = this.providers.find(name);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    if (speaksOAuth(provider)) return provider;
    throw new HubError(
      'invalid_request',
      `${provider.definition.label} has no API behind the proxy: its credential is a webhook URL.`,
    );
  }

  private reject(caller: Caller, { provider, address }: ProxyCall, reason: string): never {
    const { orgId, sub } = caller;
    this.denials.record({ name: 'proxy.rejected', orgId, sub, provider, address, detail: { reason } });
    throw new HubError('invalid_request', `The path behind /proxy is not passed on: ${REASONS[reason] ?? reason}.`);
  }

  private target(caller: Caller, call: ProxyCall, { apiBaseUrl }: Lent, rest: string): ProxyTarget {
    return targetOf(apiBaseUrl, rest) ?? this.reject(caller, call, 'address');
  }

  /** A token with the address that it is for: a reconnect in between may be to another shop, and must not mix them. */
  private async lend(caller: Caller, provider: RegisteredProvider<OAuthProvider>, arrivedMs: number): Promise<Lent> {
    for (let look = 0; look < LOOKS; look += 1) {
      const lent = await this.tokens.lend(caller, provider.definition.id, arrivedMs);
      const inputs = provider.definition.inputs.length === 0 ? {} : await this.inputsOf(caller.orgId, provider, lent);
      if (inputs) return { ...lent, apiBaseUrl: provider.endpointsFor(inputs).apiBaseUrl };
    }
    throw new HubError('provider_unavailable', 'The integration is being changed at this moment.', {
      retryAfterSeconds: 1,
    });
  }

  private async inputsOf(
    orgId: OrgId,
    { definition }: RegisteredProvider,
    lent: LentToken,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    const found = await this.integrations.find(orgId, providerId(definition));
    const isSame = found?.id === lent.id && found.issuedAt.getTime() === lent.issuedAt.getTime();
    return isSame ? found.inputs : undefined;
  }

  private async send(
    { definition }: RegisteredProvider<OAuthProvider>,
    call: ProxyCall,
    { accessToken }: Lent,
    target: ProxyTarget,
    body: ProxyBody,
  ): Promise<Answered> {
    const headers = headersToSend(call.headers, definition.apiHeaders(accessToken), accessToken, call.contentType);
    const length = body.kind === 'passing' ? body.length : undefined;
    const outcome = await this.outbound.stream({
      method: call.method,
      ...target,
      headers: { ...headers, ...(length !== undefined && { 'content-length': length }) },
      body: bodyToSend(body),
      answerWithinMs: ANSWER_WITHIN_MS,
      signal: call.signal,
    });
    if (outcome.kind === 'answer') return outcome;
    if (body.kind === 'passing' && body.isTooLarge()) throw bodyTooLarge();
    throw noAnswer(definition, outcome);
  }

  /** A token that the provider has not refused yet: one that came meanwhile, or that a refresh brings. */
  private async newerThan(
    refused: Lent,
    caller: Caller,
    provider: RegisteredProvider<OAuthProvider>,
  ): Promise<Lent | NotReplayed> {
    const now = await this.lend(caller, provider, performance.now());
    if (now.accessToken !== refused.accessToken) return now;
    if (now.readAt.getTime() - now.issuedAt.getTime() < NEW_MS) return 'token_is_new';
    await this.demands.refresh(caller.orgId, providerId(provider.definition), performance.now());
    const after = await this.lend(caller, provider, performance.now());
    return after.accessToken === refused.accessToken ? 'no_newer_token' : after;
  }

  private told(
    answer: Answered,
    replay: ProxyAnswer['replay'],
    call: ProxyCall,
    { apiBaseUrl }: Lent,
    target: ProxyTarget,
  ): ProxyAnswer {
    const [location] = [answer.headers['location']].flat();
    const through =
      location === undefined ? undefined : locationThroughProxy(location, target, apiBaseUrl, call.provider);
    return {
      status: answer.status,
      headers: { ...headersToTell(answer.headers), ...(through !== undefined && { location: through }) },
      body: answer.body,
      replay,
    };
  }
}

/** What is wrong with a path, in words. */
const REASONS: Readonly<Record<string, string>> = {
  prefix: 'what stands before it is not spelled as it is documented',
  encoded: 'it hides a dot, slash, backslash or control character behind a percent sign',
  characters: 'it has characters that no path may have',
  query: 'its query has characters that must be encoded',
  dot_segment: 'it has a dot segment',
  empty_segment: 'it has an empty segment',
  authority: 'its first segment could be read as a scheme or a host',
  address: 'it does not stay below the API of the provider',
};

function bodyToSend(body: ProxyBody): Buffer | Readable | null {
  if (body.kind === 'none') return null;
  return body.kind === 'kept' ? body.bytes : body.stream;
}

function noAnswer({ label }: OAuthProvider, { kind, reason }: Exclude<StreamedOutcome, Answered>): HubError {
  const whether = kind === 'not_sent' ? 'the call has not reached it' : 'the call may have reached it';
  return new HubError('provider_unavailable', `${label} has not answered (${reason}): ${whether}.`, {
    retryAfterSeconds: ASK_AGAIN_SECONDS,
    extensions: { sent: kind !== 'not_sent' },
  });
}

const ASK_AGAIN_SECONDS = 5;
