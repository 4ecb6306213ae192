import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type {
  CallIdentity,
  CommonSettings,
  ProviderSandbox,
  SandboxRoute,
} from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import type { WireAnswer, WireRequest } from '../../../../libs/providers/src/sandbox/wire.sandbox';
import { decideConsent, showConsent } from '../consent/consent';
import type { ChosenFaults } from '../faults/fault-rule';
import type { AnswerFate } from '../history/history';
import type { ProviderState } from '../provider-state';
import { CallDesk } from './desk';
import type { Flight } from './flights';
import { cut, sendDripping, sendWhole } from './reply';
import { wireRequest } from './request';
import { type Departure, hidesTheAnswer, sparesTheWork, spoil } from './spoil';

/** Mounts one provider below its prefix: its routes, its consent page, and its own way to say "no such path". */
export function providerRoutes(state: ProviderState, nextCall: () => number) {
  const { provider } = state;
  return (app: FastifyInstance): void => {
    const mount = (route: Door): void => {
      const handler = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
        new Call(state, provider, route, wireRequest(request), nextCall()).run(reply);
      for (const method of route.methods) app.route({ method, url: route.path, handler });
    };
    for (const route of [...provider.routes, ...consentRoutes(provider)]) mount(route);
    app.setNotFoundHandler((request, reply) => sendWhole(reply, provider.unknownPath(wireRequest(request))));
  };
}

/** A provider's route, or the sandbox's own consent page, which writes its history by itself. */
type Door = Omit<SandboxRoute, 'handle'> & {
  handle(request: WireRequest, desk: CallDesk<CommonSettings>): WireAnswer;
};

function consentRoutes(provider: ProviderSandbox): Door[] {
  const { consent } = provider;
  if (!consent) return [];
  const account = (request: WireRequest): string | undefined => {
    const params = request.method === 'POST' ? new URLSearchParams(request.body) : request.query;
    return params.get('account') ?? request.params.shop ?? request.query.get('account') ?? undefined;
  };
  const identify = (request: WireRequest): CallIdentity => ({ endpoint: 'authorize', account: account(request) });
  const route = { name: 'authorize', path: consent.path, identify };
  return [
    { ...route, methods: ['GET'], handle: (request, desk) => showConsent(provider, request, desk) },
    {
      ...route,
      name: 'decide',
      methods: ['POST'],
      handle: (request, desk) => decideConsent(provider, request, desk),
    },
  ];
}

/** One call at a provider's door, from its arrival to the moment its answer has left or is lost. */
class Call {
  private readonly desk: CallDesk<CommonSettings>;
  private readonly identity: CallIdentity;
  /** Set for a refresh. */
  private flight: Flight | undefined;
  private worked = false;
  /** The work was done, and its answer was replaced by something else. */
  private spoiled = false;
  /** What became of the answer, once that is known. */
  private fate: AnswerFate | undefined;

  constructor(
    private readonly state: ProviderState,
    private readonly provider: ProviderSandbox,
    private readonly route: Door,
    private readonly request: WireRequest,
    number: number,
  ) {
    this.desk = new CallDesk(state, number, () => this.flight?.overlapping ?? false);
    this.identity = route.identify(request, this.desk);
  }

  async run(reply: FastifyReply): Promise<void> {
    this.begin();
    this.watch(reply);
    const faults = this.state.faults.choose({
      endpoint: this.identity.endpoint,
      account: this.identity.account,
      path: this.request.path,
    });
    for (const rule of faults.fired) this.noteFault(rule.spec.kind, rule.id);
    if (faults.delayBeforeMs > 0) await wait(faults.delayBeforeMs);
    const departure = this.work(faults);
    if (faults.delayAfterMs > 0) await wait(faults.delayAfterMs);
    if (departure === 'cut') cut(reply);
    else if (departure.dripMs > 0) sendDripping(reply, departure.answer, departure.dripMs);
    else sendWhole(reply, departure.answer);
  }

  /** The caller may have hung up meanwhile: the provider's work is done all the same, and nobody learns of it. */
  private work(faults: ChosenFaults): Departure {
    try {
      return this.depart(faults);
    } finally {
      this.worked = true;
      if (this.fate) this.desk.settle(this.fate, null);
      this.land();
    }
  }

  private depart(faults: ChosenFaults): Departure {
    const about = { provider: this.provider, identity: this.identity, request: this.request };
    const spec = faults.spoiler?.spec;
    if (spec && sparesTheWork(spec)) {
      if (spec.kind === 'rate_limit') this.noteRateLimit();
      return spoil(spec, undefined, about);
    }
    const answer = this.limited() ?? this.route.handle(this.request, this.desk);
    this.spoiled = spec !== undefined && hidesTheAnswer(spec);
    return spec ? spoil(spec, answer, about) : { answer, dripMs: 0 };
  }

  /** The true rate limits: of the token endpoint over all accounts, of the API per account. */
  private limited(): WireAnswer | undefined {
    const { endpoint, account } = this.identity;
    const settings = this.state.settings.for(account);
    const isToken = endpoint === 'exchange' || endpoint === 'refresh';
    const perSecond = settings.tokenLimitPerSecond;
    const limit = isToken ? perSecond && { calls: perSecond, perSeconds: 1 } : endpoint === 'api' && settings.apiLimit;
    const key = isToken ? 'token' : `api ${account ?? ''}`;
    const retryAfterSeconds = limit ? this.state.limiter.take(key, performance.now(), limit) : null;
    if (retryAfterSeconds === null) return undefined;
    this.noteRateLimit();
    return this.provider.rateLimited({ endpoint, request: this.request, retryAfterSeconds });
  }

  private begin(): void {
    const now = Date.now();
    const { endpoint, account, refreshToken } = this.identity;
    this.state.statistics.endpoint(endpoint).begin(now);
    this.state.statistics.route(this.route.name).begin(now);
    if (endpoint === 'api') this.desk.recordCall(this.route.name, endpoint, account);
    if (refreshToken === undefined) return;
    this.flight = this.state.flights.begin(refreshToken);
  }

  /** `finish`: the last byte was handed to the system. `close` without it: a fault cut, or the caller hung up. */
  private watch(reply: FastifyReply): void {
    const { statistics } = this.state;
    const settle = (fate: 'sent' | 'lost'): void => {
      if (this.fate) return;
      this.fate = fate === 'sent' && this.spoiled ? 'spoiled' : fate;
      const status = fate === 'sent' ? reply.raw.statusCode : null;
      this.desk.settle(this.fate, status);
      statistics.endpoint(this.identity.endpoint).end(status ?? 'lost');
      statistics.route(this.route.name).end(status ?? 'lost');
      this.land();
    };
    reply.raw.once('finish', () => settle('sent'));
    reply.raw.once('close', () => settle('lost'));
  }

  /** A refresh is under way until its work is done and its answer has left. */
  private land(): void {
    if (this.flight === undefined || !this.worked || !this.fate) return;
    this.state.flights.end(this.flight);
    this.flight = undefined;
  }

  private noteFault(kind: string, rule: string): void {
    const { faults } = this.state.statistics;
    faults[kind] = (faults[kind] ?? 0) + 1;
    this.desk.recordFault(this.identity.endpoint, kind, rule, this.identity.account);
  }

  private noteRateLimit(): void {
    this.state.statistics.endpoint(this.identity.endpoint).rateLimited += 1;
    this.state.statistics.route(this.route.name).rateLimited += 1;
  }
}
