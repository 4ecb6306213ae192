import type { Readable } from 'node:stream';
import type { StreamedRequest } from '@hub/outbound';
import { measure } from '@hub/telemetry';
import { Controller, Req, Res } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubReply, HubRequest } from '../http/hub-request';
import { ArrivedMs, CurrentCaller, Route } from '../http/route.decorator';
import { proxyDelete, proxyGet, proxyHead, proxyPatch, proxyPost, proxyPut } from './proxy.routes';
import { ProxyService, type ProxyAnswer } from './proxy.service';

/** A whole call, its answer's body included. */
const LONGEST_MS = 10 * 60_000;
const MS_IN_SECOND = 1_000;
/** Statuses whose answers have no body (RFC 9110 §6.4.1). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

@Controller()
export class ProxyController {
  constructor(private readonly proxy: ProxyService) {}

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
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), LONGEST_MS);
    const seen: { answer?: ProxyAnswer } = {};
    reply.raw.once('close', () => {
      clearTimeout(timer);
      if (!reply.raw.writableFinished) end.abort();
      measure('proxyDuration', (performance.now() - arrivedMs) / MS_IN_SECOND, {
        'hub.provider': provider,
        'hub.outcome': reply.raw.writableFinished ? outcomeOf(seen.answer) : 'cut',
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
      signal: end.signal,
    });
    this.answer(seen.answer, request, reply);
  }

  /** The hub's own headers stand already, and none of the provider's goes over them. */
  private answer({ status, headers, body, replay }: ProxyAnswer, { method }: HubRequest, reply: HubReply): void {
    for (const [name, value] of Object.entries(headers)) if (!reply.hasHeader(name)) void reply.header(name, value);
    void reply.header('cache-control', 'no-store').header('hub-answer', told(replay)).status(status);
    if (method !== 'HEAD' && !BODILESS.has(status)) {
      void reply.send(body);
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
