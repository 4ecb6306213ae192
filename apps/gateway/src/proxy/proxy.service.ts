import type { Readable } from 'node:stream';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { IntegrationRepository, type TokenOrigin } from '@hub/database';
import { egressEvents, HubError } from '@hub/domain';
import { OutboundClient, type StreamedOutcome, type StreamedRequest } from '@hub/outbound';
import { ProviderRegistry, providerId, speaksOAuth, type OAuthProvider, type RegisteredProvider } from '@hub/providers';
import { HubLogger } from '@hub/telemetry';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { DemandService } from '../integrations/demand.service';
import { TokensService, type LentToken } from '../tokens/tokens.service';
import { takeBody, type ProxyBody } from './proxy-body';
import { headersToSend, headersToTell, type RawHeaders } from './proxy-headers';
import { locationThroughProxy, readRest, targetOf, type ProxyTarget } from './proxy-path';
import { ofTheSame, type NotTheSame } from './same-account';
import { VainRefreshes } from './vain-refreshes';

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
type NotReplayed = 'body_too_large' | 'refreshed_lately' | 'no_newer_token' | NotTheSame;

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
  /** Of a token whose account is not known, or that is held against one. */
  readonly connectedEpoch?: number;
}

/** Left of a token's life for a call that is about to be made with it. */
const LENT_TTL_SECONDS = 60;
/** To the head of the answer, from when the call, or the last of its body, was sent. */
const ANSWER_WITHIN_MS = 60_000;
const LOOKS = 3;
const UNAUTHORIZED = 401;

/** Calls a provider's API in the name of a caller, with the org's token put in. */
@Injectable()
export class ProxyService implements OnApplicationShutdown {
  private readonly vain = new VainRefreshes();
  /** Of its own: however long callers take over their answers, connects and their codes never wait behind them. */
  private readonly outbound: OutboundClient;

  constructor(
    @Inject(HUB_CONFIG) config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly integrations: IntegrationRepository,
    private readonly tokens: TokensService,
    private readonly demands: DemandService,
    private readonly denials: DenialsService,
    private readonly logger: HubLogger,
  ) {
    this.outbound = new OutboundClient(config.outbound, null);
  }

  /**
   * @returns the provider's answer, whatever its status; a 401 only after one refresh and one replay, or with the reason why
   *          not. Its body must be read or destroyed
   * @throws HubError `invalid_request` for a path, a body or a provider that cannot be, `not_connected`, `reauth_required`,
   *                  `provider_unavailable` where no answer came
   */
  async relay(caller: Caller, call: ProxyCall): Promise<ProxyAnswer> {
    const provider = this.oauthProvider(call.provider);
    const reading = readRest(call.url, call.provider);
    if (!reading.ok) this.reject(caller, call, reading.reason);
    // before the token: however long a kept body takes to come, it goes out with what is connected then
    const body = await takeBody(call.body, call.headers, call.signal);
    const { lent, target } = await this.addressed(caller, provider, call, reading.rest).catch((error: unknown) => {
      if (body.kind === 'passing') body.stream.destroy();
      throw error;
    });
    const first = await this.send(caller, provider, call, lent, target, body);
    if (first.status !== UNAUTHORIZED) return told(first, 'none', call, lent, target);
    const newer = await this.newerThan(lent, caller, provider).catch((error: unknown) => {
      if (!isOfGrant(error)) return this.withoutNewer(caller, call.provider, error);
      first.body.destroy();
      throw error;
    });
    if (typeof newer === 'string') return told(first, newer, call, lent, target);
    const again = againOf(body);
    if (!again) return told(first, 'body_too_large', call, lent, target);
    first.body.destroy();
    const newTarget = this.target(caller, call, newer, reading.rest);
    const second = await this.send(caller, provider, call, newer, newTarget, again);
    if (second.status === UNAUTHORIZED) this.vain.add(newer, performance.now());
    return told(second, 'replayed', call, newer, newTarget);
  }

  /** Last of all: calls that are under way have been answered, or ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.outbound.close();
  }

  private oauthProvider(name: string): RegisteredProvider<OAuthProvider> {
    const provider = this.providers.find(name);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    if (speaksOAuth(provider)) return provider;
    throw new HubError(
      'invalid_request',
      `${provider.definition.label} has no API behind the proxy: its credential is a webhook URL.`,
      {
        title: 'This provider has no API',
        fix: `Send it events instead: POST /functions/v1/integrations/${provider.definition.id}/events.`,
      },
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

  private async addressed(
    caller: Caller,
    provider: RegisteredProvider<OAuthProvider>,
    call: ProxyCall,
    rest: string,
  ): Promise<{ lent: Lent; target: ProxyTarget }> {
    const lent = await this.lend(caller, provider, LENT_TTL_SECONDS, call.arrivedMs);
    return { lent, target: this.target(caller, call, lent, rest) };
  }

  /** A token with the address that it is for: a reconnect in between may be to another shop, and must not mix them. */
  private async lend(
    caller: Caller,
    provider: RegisteredProvider<OAuthProvider>,
    minTtlSeconds: number,
    arrivedMs: number,
    withConnect = false,
  ): Promise<Lent> {
    for (let look = 0; look < LOOKS; look += 1) {
      const lent = await this.tokens.lend(caller, provider.definition.id, minTtlSeconds, arrivedMs);
      if (provider.definition.inputs.length === 0 && lent.account && !withConnect)
        return { ...lent, apiBaseUrl: provider.endpointsFor({}).apiBaseUrl };
      const origin = await this.integrations.findOrigin(caller.orgId, providerId(provider.definition));
      if (origin && isOriginOf(origin, lent)) {
        const { inputs, connectedEpoch } = origin;
        return { ...lent, apiBaseUrl: provider.endpointsFor(inputs).apiBaseUrl, connectedEpoch };
      }
    }
    throw new HubError('provider_unavailable', 'The integration is being changed at this moment.', {
      retryAfterSeconds: 1,
    });
  }

  private async send(
    caller: Caller,
    { definition }: RegisteredProvider<OAuthProvider>,
    call: ProxyCall,
    lent: Lent,
    target: ProxyTarget,
    body: ProxyBody,
  ): Promise<Answered> {
    const { accessToken } = lent;
    const headers = headersToSend(call.headers, definition.apiHeaders(accessToken), accessToken, call.contentType);
    const length = body.kind === 'passing' ? body.length : undefined;
    const outcome: StreamedOutcome = call.signal.aborted
      ? { kind: 'not_sent', reason: 'closed' }
      : await this.outbound.stream({
          method: call.method,
          ...target,
          headers: { ...headers, ...(length !== undefined && { 'content-length': length }) },
          body: bodyToSend(body),
          answerWithinMs: ANSWER_WITHIN_MS,
          signal: call.signal,
        });
    if (outcome.kind !== 'not_sent') this.tokens.recordLent(caller, definition.id, lent);
    if (outcome.kind === 'answer') return outcome;
    if (body.kind === 'passing') body.stream.destroy();
    for (const event of egressEvents(outcome)) {
      const { orgId, sub } = caller;
      this.denials.record({ ...event, orgId, sub, provider: definition.id, address: call.address });
    }
    const fault = body.kind === 'passing' ? body.fault() : undefined;
    throw fault ?? noAnswer(definition, outcome);
  }

  /** What goes wrong on the way to a newer token costs nobody the answer that the provider has given. */
  private withoutNewer({ orgId }: Caller, provider: string, error: unknown): NotReplayed {
    if (!(error instanceof HubError)) this.logger.failure('hub.proxy.not_refreshed', error, { org: orgId, provider });
    return 'no_newer_token';
  }

  /** A token that the provider has not refused yet: one that came meanwhile, or that a refresh brings. */
  private async newerThan(
    refused: Lent,
    caller: Caller,
    provider: RegisteredProvider<OAuthProvider>,
  ): Promise<Lent | NotReplayed> {
    const sinceMs = performance.now(); // a refresh that ends from now on is no other one than is wanted here
    const isUnknown = refused.account === null;
    const now = await this.lend(caller, provider, 0, sinceMs, isUnknown);
    if (now.accessToken !== refused.accessToken) return ofTheSame(refused, now);
    if (this.vain.has(refused, performance.now())) return 'refreshed_lately';
    const { kind } = await this.demands.refresh(caller.orgId, providerId(provider.definition), sinceMs);
    const after = await this.lend(caller, provider, 0, performance.now(), isUnknown);
    if (after.accessToken !== refused.accessToken) return ofTheSame(refused, after);
    if (kind === 'settled') this.vain.add(refused, performance.now());
    return 'no_newer_token';
  }
}

/** Whether a row, read after its token, still holds that token. */
function isOriginOf({ id, issuedAt }: TokenOrigin, lent: LentToken): boolean {
  return id === lent.id && issuedAt.getTime() === lent.issuedAt.getTime();
}

/** That the grant itself is over: the caller must know, whatever the provider has said. */
function isOfGrant(error: unknown): boolean {
  return error instanceof HubError && (error.code === 'reauth_required' || error.code === 'not_connected');
}

function told(
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

/** The body once more, if it is still there. */
function againOf(body: ProxyBody): ProxyBody | undefined {
  if (body.kind !== 'passing') return body;
  const bytes = body.whole();
  return bytes && { kind: 'kept', bytes };
}

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
