import type { Readable } from 'node:stream';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import type { StreamedRequest } from '@hub/outbound';
import { measure } from '@hub/telemetry';
import { Controller, Inject, Req, Res, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { exposing } from '../http/cors';
import type { HubReply, HubRequest } from '../http/hub-request';
import { ArrivedMs, CurrentCaller, Route } from '../http/route.decorator';
import { PlaceKeeper } from '../limits/place-keeper';
import { CallsUnderWay } from './calls-under-way';
import { proxyDelete, proxyGet, proxyHead, proxyPatch, proxyPost, proxyPut } from './proxy.routes';
import { ProxyService, type ProxyAnswer } from './proxy.service';

const LONGEST_MS = 10 * 60_000;
const MS_IN_SECOND = 1_000;
/** Once the gateway is to stop, calls under way may take so long to end. */
const STOP_WITHIN_MS = 15_000;
const CUT_AFTER_MS = 2_000;
const ASK_AGAIN_SECONDS = 1;
/** Statuses whose answers have no body (RFC 9110 §6.4.1). */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);
/** The highest that HTTP knows (RFC 9110 §15); a higher one cannot be passed on. */
const HIGHEST_STATUS = 599;

@Controller()
export class ProxyController implements BeforeApplicationShutdown {
  private readonly places: PlaceKeeper;
  private readonly underWay = new CallsUnderWay({ longestMs: LONGEST_MS, cutAfterMs: CUT_AFTER_MS });

  constructor(
    @Inject(HUB_CONFIG) { proxyCalls }: HubConfig,
    private readonly proxy: ProxyService,
    denials: DenialsService,
  ) {
    const words = { limit: 'proxy_calls', what: 'calls under way', askAgainSeconds: ASK_AGAIN_SECONDS } as const;
    this.places = new PlaceKeeper(proxyCalls, words, denials);
  }

  /** A download may last longer than a stop: what has not ended by then is cut, so that its caller sees it as broken. */
  beforeApplicationShutdown(): void {
    setTimeout(() => this.underWay.endAll(), STOP_WITHIN_MS).unref();
  }

  @Route(proxyGet)
  get(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  @Route(proxyHead)
  head(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  @Route(proxyPost)
  post(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  @Route(proxyPut)
  put(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  @Route(proxyPatch)
  patch(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  @Route(proxyDelete)
  delete(
    @CurrentCaller() caller: Caller,
    @ArrivedMs() arrivedMs: number,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    return this.relay(caller, arrivedMs, request, reply);
  }

  private async relay(caller: Caller, arrivedMs: number, request: HubRequest, reply: HubReply): Promise<void> {
    const provider = request.input?.params['provider'] ?? '';
    const giveBack = this.places.take(caller, request.ip);
    const seen: { answer?: ProxyAnswer } = {};
    const signal = this.underWay.begin(request.raw, reply.raw, (isWhole) => {
      giveBack();
      measure('proxyDuration', (performance.now() - arrivedMs) / MS_IN_SECOND, {
        'hub.provider': provider,
        'hub.outcome': isWhole ? outcomeOf(seen.answer) : 'cut',
      });
    });
    seen.answer = await this.proxy.relay(caller, {
      method: request.method as StreamedRequest['method'],
      provider,
      url: request.raw.url ?? '',
      headers: request.raw.headers,
      contentType: request.relayedType,
      body: request.body as Readable | undefined,
      address: request.ip,
      arrivedMs,
      signal,
    });
    try {
      this.answer(seen.answer, request, reply);
    } catch (error) {
      seen.answer.body.destroy();
      throw error;
    }
  }

  /** The hub's own headers stand already, and none of the provider's goes over them. */
  private answer({ status, headers, body, replay }: ProxyAnswer, request: HubRequest, reply: HubReply): void {
    if (status > HIGHEST_STATUS)
      throw new HubError('bad_provider_response', 'The provider has answered with a status that HTTP does not have.');
    const passed = Object.entries(headers).filter(([name]) => !reply.hasHeader(name));
    request.relayedHeaders = ['hub-answer', ...passed.map(([name]) => name)];
    for (const [name, value] of passed) void reply.header(name, value);
    if (reply.hasHeader('access-control-allow-origin'))
      void reply.header('access-control-expose-headers', exposing(['hub-answer', ...Object.keys(headers)]));
    void reply.header('cache-control', 'no-store').header('hub-answer', told(replay)).status(status);
    if (request.method !== 'HEAD' && !BODILESS.has(status)) {
      void reply.send(body);
      reply.raw.flushHeaders(); // with the first byte of the body otherwise: a cut before it would be no cut
      return;
    }
    body.resume(); // nothing is in it
    void reply.send();
  }
}

function told(replay: ProxyAnswer['replay']): string {
  if (replay === 'none') return 'provider';
  return replay === 'replayed' ? 'provider; replayed' : `provider; not-replayed=${replay}`;
}

function outcomeOf(answer: ProxyAnswer | undefined): 'answered' | 'replayed' | 'unauthorized' | 'problem' {
  if (answer === undefined) return 'problem';
  if (answer.replay === 'none') return 'answered';
  return answer.replay === 'replayed' ? 'replayed' : 'unauthorized';
}
