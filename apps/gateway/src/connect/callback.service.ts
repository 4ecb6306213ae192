import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { HubError, isAllowedRedirect, withParameters, type EventName, type FailureCode } from '@hub/domain';
import { ProviderRegistry, speaksOAuth } from '@hub/providers';
import { PlainToken, TokenVault } from '@hub/token-vault';
import { Inject, Injectable } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import type { BrowserAnswer } from '../http/browser-reply';
import { doubledNames, singleValues, type QueryParameters } from '../http/query-string';
import { LimitsService } from '../limits/limits.service';
import { judgeCallback } from './callback-verdict';
import { CompletionService, type Completion, type SpendableCode } from './completion.service';
import { flowCookie, flowCookieName } from './flow-cookie';
import { flowCell } from './flow-opening.service';
import { hashSecret, isSecret, looksLikeSecret, newSecret } from './secrets';

/** A callback as the browser brings it. */
export interface Callback {
  readonly provider: string;
  readonly parameters: QueryParameters;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  readonly address: string;
}

const INVALID: BrowserAnswer = { kind: 'invalid' };

type TakenCallback = Omit<SpendableCode, 'code'>;

/** The callback, in the contract's order of checks. */
@Injectable()
export class CallbackService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly flows: FlowRepository,
    private readonly completion: CompletionService,
    private readonly vault: TokenVault,
    private readonly denials: DenialsService,
    private readonly limits: LimitsService,
  ) {}

  async receive(callback: Callback): Promise<BrowserAnswer> {
    const taken = await this.take(callback);
    if (!taken) return INVALID;
    const query = singleValues(callback.parameters);
    const verdict = judgeCallback(query, this.contextOf(taken, callback));
    switch (verdict.kind) {
      case 'bad_state':
        await this.end(taken.flow, verdict.event, {});
        return INVALID;
      case 'refused':
        await this.end(taken.flow, verdict.event, { code: verdict.code, reason: verdict.reason });
        return this.sendBack(taken.flow, verdict.code);
      case 'code':
        return this.bind({ ...taken, code: verdict.code }, callback);
    }
  }

  /** Uses the state, once. */
  private async take(callback: Callback): Promise<TakenCallback | undefined> {
    const provider = this.providers.find(callback.provider);
    if (!provider) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
    const states = callback.parameters.get('state') ?? [];
    const [state] = states;
    if (states.length !== 1 || state === undefined || !looksLikeSecret(state))
      return this.deny(callback, 'flow.state_malformed');
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
      return undefined;
    }
    const { flow } = taken;
    if (!speaksOAuth(provider) || flow.endpoints === null) return this.endAs(flow, 'flow.provider_mismatch');
    if (!isAllowedRedirect(flow.returnUrl, this.config.redirectAllowList))
      return this.endAs(flow, 'flow.redirect_rejected');
    return { flow: { ...flow, endpoints: flow.endpoints }, provider, flowReadMs };
  }

  private deny(callback: Callback, name: EventName): undefined {
    this.denials.record({ name, provider: callback.provider, address: callback.address });
    return undefined;
  }

  private async endAs(flow: FlowWithSecrets, name: EventName): Promise<undefined> {
    await this.end(flow, name, {});
    return undefined;
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
      doubled: doubledNames(parameters).length > 0,
    };
  }

  /** A browser that brings the flow's cookie started it. Any other must be asked first (RFC 9700 §4.7). */
  private async bind(spend: SpendableCode, { cookies }: Callback): Promise<BrowserAnswer> {
    const { flow } = spend;
    const isBound = isSecret(cookies[flowCookieName('flow', flow.id, this.config.publicUrl)], flow.cookieHash);
    if (isBound) return this.finish(flow, await this.completion.complete(spend));
    switch (this.config.connectUnbound) {
      case 'confirm':
        return this.park(spend);
      case 'refuse':
        await this.end(flow, 'flow.unbound', { policy: 'refuse' });
        return INVALID;
      case 'allow': {
        const unbound = { name: 'flow.unbound', detail: { policy: 'allow', flow: flow.id } } as const;
        return this.finish(flow, await this.completion.complete({ ...spend, unbound }));
      }
    }
  }

  private async park({ flow, provider, code }: SpendableCode): Promise<BrowserAnswer> {
    const page = newSecret();
    const cookieSecret = newSecret();
    const sealed = await this.vault.seal(flowCell(flow, provider, 'parked_code'), new PlainToken(code));
    const event = this.eventOf(flow, 'flow.unbound', { policy: 'confirm' });
    const parked = await this.flows.park(
      flow,
      { code: sealed, pageHash: hashSecret(page), cookieHash: hashSecret(cookieSecret) },
      event,
    );
    if (!parked) return INVALID;
    return {
      kind: 'redirect',
      url: `${this.config.publicUrl}/functions/v1/integrations-confirm/${page}`,
      cookie: flowCookie('confirm', flow.id, cookieSecret, this.config.publicUrl),
    };
  }

  /** Spends a code that was parked, once its browser has pressed the button. */
  async resume(flow: FlowWithSecrets, address: string): Promise<BrowserAnswer> {
    const provider = this.providers.find(flow.provider);
    const flowReadMs = performance.now();
    if (!provider || !speaksOAuth(provider) || flow.endpoints === null || flow.parkedCode === null) return INVALID;
    // before it is used up: while the key is out of reach, the button may be pressed again
    const code = await this.vault.open(flowCell(flow, provider, 'parked_code'), flow.parkedCode);
    if (!(await this.flows.unpark(flow))) {
      this.denials.record({
        name: 'flow.state_replayed',
        orgId: flow.orgId,
        provider: flow.provider,
        address,
        detail: { flow: flow.id },
      });
      return INVALID;
    }
    const spend = {
      flow: { ...flow, endpoints: flow.endpoints },
      provider,
      code: code.reveal(),
      flowReadMs,
      unbound: { name: 'flow.confirmed', detail: { flow: flow.id } },
    } as const;
    return this.finish(flow, await this.completion.complete(spend));
  }

  private finish(flow: FlowWithSecrets, completion: Completion): BrowserAnswer {
    switch (completion.kind) {
      case 'connected':
        return { kind: 'redirect', url: withParameters(flow.returnUrl, { success: flow.provider }) };
      case 'refused':
        return this.sendBack(flow, completion.code);
      case 'flow_ended':
        return INVALID;
    }
  }

  private sendBack(flow: FlowWithSecrets, code: FailureCode | 'invalid_request'): BrowserAnswer {
    return { kind: 'redirect', url: withParameters(flow.returnUrl, { error: code, provider: flow.provider }) };
  }

  private async end(flow: FlowWithSecrets, name: EventName, detail: Readonly<Record<string, unknown>>): Promise<void> {
    await this.flows.refuse(flow, this.eventOf(flow, name, detail));
  }

  private eventOf(
    flow: FlowWithSecrets,
    name: EventName,
    detail: Readonly<Record<string, unknown>>,
  ): Parameters<FlowRepository['refuse']>[1] {
    return {
      name,
      provider: flow.provider,
      integrationId: null,
      actor: { type: 'user', id: flow.startedBy },
      detail: { ...detail, flow: flow.id },
    };
  }
}
