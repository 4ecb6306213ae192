import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import {
  HubError,
  isAllowedRedirect,
  isForeignTo,
  withParameters,
  type EventName,
  type FailureCode,
} from '@hub/domain';
import { ProviderRegistry, speaksOAuth, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import { SessionsService } from '../console-session/sessions.service';
import type { BrowserAnswer } from '../http/browser-reply';
import { doubledNames, singleValues, type QueryParameters } from '../http/query-string';
import { LimitsService } from '../limits/limits.service';
import { judgeCallback } from './callback-verdict';
import { CompletionService, type Completion, type SpendableCode } from './completion.service';
import { flowCookieName, spentCookie, type CookiePurpose } from './flow-cookie';
import { flowEvent } from './flow-event';
import { countedCallback, outcomeOfCompletion, outcomeOfRefusal, type FlowOutcome } from './flow-metrics';
import { ParkedCodeService } from './parked-code.service';
import { hashSecret, isSecret, looksLikeSecret } from '../http/secrets';

/** A callback as the browser brings it. */
export interface Callback {
  readonly provider: string;
  readonly parameters: QueryParameters;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  readonly address: string;
}

/** What the browser hears, and what the flow has come to. */
interface Received {
  readonly answer: BrowserAnswer;
  readonly outcome: FlowOutcome;
}

type TakenCallback = Omit<SpendableCode, 'code'>;

/** The callback, in the contract's order of checks. */
@Injectable()
export class CallbackService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly flows: FlowRepository,
    private readonly completion: CompletionService,
    private readonly parked: ParkedCodeService,
    private readonly denials: DenialsService,
    private readonly limits: LimitsService,
    private readonly sessions: SessionsService,
  ) {}

  /** @throws HubError `unknown_provider` */
  async receive(callback: Callback): Promise<BrowserAnswer> {
    const provider = this.providers.find(callback.provider);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    const { answer } = await countedCallback(callback.provider, () => this.judge(callback, provider));
    return answer;
  }

  private async judge(callback: Callback, provider: RegisteredProvider): Promise<Received> {
    // asked before the state is used, and whatever it is worth: a failure costs no state, and a prober learns nothing
    const signedIn = await this.sessions.ofBrowser(callback.cookies);
    const taken = await this.take(callback, provider);
    if (typeof taken === 'string') return invalid(taken);
    const query = singleValues(callback.parameters);
    const verdict = judgeCallback(query, this.contextOf(taken, callback));
    if (verdict.kind === 'bad_state') {
      await this.end(taken.flow, verdict.event);
      return invalid('state_invalid');
    }
    // whoever is signed in here is not who started this, even if the flow's cookie is there
    if (signedIn && isForeignTo(signedIn.session, taken.flow)) {
      await this.end(taken.flow, 'flow.foreign', { session: signedIn.session.id });
      return invalid('denied');
    }
    switch (verdict.kind) {
      case 'refused':
        return this.refuse(taken.flow, verdict.event, verdict.code, verdict.reason);
      case 'unusable_code':
      case 'code':
        return this.bind(taken, verdict.kind === 'code' ? verdict.code : undefined, callback);
    }
  }

  /** Uses the state, once. @returns what the flow comes to where there is nothing to take */
  private async take(callback: Callback, provider: RegisteredProvider): Promise<TakenCallback | FlowOutcome> {
    const states = callback.parameters.get('state') ?? [];
    const [state] = states;
    if (states.length !== 1 || state === undefined || !looksLikeSecret(state)) {
      // asked for all the same, so that it takes as long as a state that nobody knows: no hash of ours is of such a text
      await this.flows.take(hashSecret(`malformed ${states.join(' ')}`));
      this.denials.record({ name: 'flow.state_malformed', provider: callback.provider, address: callback.address });
      return 'state_invalid';
    }
    const flowReadMs = performance.now();
    const taken = await this.flows.take(hashSecret(state));
    if (taken.kind === 'refused') {
      const { orgId, flowId, reason } = taken;
      this.denials.record({
        name: reason === 'cancelled' ? 'flow.cancelled' : `flow.state_${reason}`,
        orgId,
        provider: callback.provider,
        address: callback.address,
        detail: { flow: flowId },
      });
      if (reason === 'unknown') await this.limits.countGuess('link', callback.address);
      return reason === 'expired' ? 'state_expired' : 'state_invalid';
    }
    const { flow } = taken;
    if (!speaksOAuth(provider) || flow.endpoints === null) {
      await this.end(flow, 'flow.provider_mismatch');
      return 'state_invalid';
    }
    if (!isAllowedRedirect(flow.returnUrl, this.config.redirectAllowList)) {
      await this.end(flow, 'flow.redirect_rejected');
      return 'error';
    }
    return { flow: { ...flow, endpoints: flow.endpoints }, provider, flowReadMs };
  }

  private contextOf({ flow, provider }: TakenCallback, { parameters }: Callback): Parameters<typeof judgeCallback>[1] {
    const isItsOwn = flow.provider === provider.definition.id;
    return {
      flow,
      definition: provider.definition,
      endpoints: isItsOwn ? provider.endpointsFor(flow.inputs) : flow.endpoints,
      clientId: provider.credentials?.clientId ?? '',
      clientSecrets: provider.credentials?.clientSecrets ?? [],
      nowSeconds: Math.floor(flow.readAt.getTime() / 1000),
      doubled: doubledNames(parameters),
    };
  }

  /**
   * A browser that brings the flow's cookie started it. Any other must be asked first (RFC 9700 §4.7).
   *
   * @param code `undefined` where there is none to spend: whoever would not be let through with one does not hear of it
   */
  private async bind(taken: TakenCallback, code: string | undefined, { cookies }: Callback): Promise<Received> {
    const { flow } = taken;
    if (flow.completion === 'deferred') return this.defer(taken, code);
    const isBound = isSecret(cookies[flowCookieName('flow', flow.id, this.config.publicUrl)], flow.cookieHash);
    const policy = isBound ? 'bound' : this.config.connectUnbound;
    if (policy === 'refuse') {
      await this.end(flow, 'flow.unbound', { policy });
      return invalid('denied');
    }
    if (code === undefined) return this.refuseCode(flow);
    const spend: SpendableCode = { ...taken, code };
    switch (policy) {
      case 'bound':
        return this.finish(flow, await this.completion.complete(spend));
      case 'confirm':
        return parkedIf(await this.parked.park(spend));
      case 'allow': {
        const told = { name: 'flow.unbound', detail: { policy, flow: flow.id } } as const;
        return this.finish(flow, await this.completion.complete({ ...spend, told }));
      }
    }
  }

  /** Whose browser this is only the backend knows: no cookie and no button completes such a flow. */
  private async defer(taken: TakenCallback, code: string | undefined): Promise<Received> {
    return code === undefined ? this.refuseCode(taken.flow) : parkedIf(await this.parked.defer(taken, code));
  }

  /** Spends a code that was parked, once its browser has pressed the button. */
  async resume(flow: FlowWithSecrets, address: string): Promise<BrowserAnswer> {
    const { answer } = await countedCallback(flow.provider, () => this.takeUp(flow, address));
    return answer;
  }

  private async takeUp(flow: FlowWithSecrets, address: string): Promise<Received> {
    const reopened = await this.parked.reopen(flow, { name: 'flow.confirmed', detail: { flow: flow.id } });
    switch (reopened.kind) {
      case 'code':
        return this.finish(flow, await this.completion.complete(reopened.spend), 'confirm');
      // a pasted URL never waits for this button: its own page has one
      case 'webhook':
      case 'refused':
        return invalid('error');
      case 'used':
        this.denials.record({
          name: 'flow.state_replayed',
          orgId: flow.orgId,
          provider: flow.provider,
          address,
          detail: { flow: flow.id },
        });
        return invalid('state_invalid');
    }
  }

  /** @param spent what has let this browser complete the flow, and is of no use any more */
  private finish(flow: FlowWithSecrets, completion: Completion, spent: CookiePurpose = 'flow'): Received {
    return { answer: this.answerTo(flow, completion, spent), outcome: outcomeOfCompletion(completion) };
  }

  private answerTo(flow: FlowWithSecrets, completion: Completion, spent: CookiePurpose): BrowserAnswer {
    switch (completion.kind) {
      case 'connected':
        return this.leave(flow, { success: flow.provider }, spent);
      case 'refused':
        return this.leave(flow, { error: completion.code, provider: flow.provider }, spent);
      case 'flow_ended':
        return { kind: 'invalid' };
    }
  }

  private leave(
    flow: FlowWithSecrets,
    parameters: Readonly<Record<string, string>>,
    spent: CookiePurpose,
  ): BrowserAnswer {
    return {
      kind: 'redirect',
      url: withParameters(flow.returnUrl, parameters),
      cookie: spentCookie(spent, flow.id, this.config.publicUrl),
    };
  }

  private refuseCode(flow: FlowWithSecrets): Promise<Received> {
    return this.refuse(flow, 'flow.response_rejected', 'invalid_request', 'no usable code');
  }

  private async refuse(
    flow: FlowWithSecrets,
    event: EventName,
    code: FailureCode | 'invalid_request',
    reason: string,
  ): Promise<Received> {
    await this.end(flow, event, { code, reason });
    return {
      answer: this.leave(flow, { error: code, provider: flow.provider }, 'flow'),
      outcome: outcomeOfRefusal(code),
    };
  }

  private async end(
    flow: FlowWithSecrets,
    name: EventName,
    detail: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    await this.flows.refuse(flow, flowEvent(flow, name, detail));
  }
}

function invalid(outcome: FlowOutcome): Received {
  return { answer: { kind: 'invalid' }, outcome };
}

/** @param answer the way on for whoever may complete it; none: the flow has ended meanwhile */
function parkedIf(answer: BrowserAnswer): Received {
  return { answer, outcome: answer.kind === 'invalid' ? 'denied' : 'parked' };
}
