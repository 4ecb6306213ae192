import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { isAllowedRedirect, withParameters, type EventDraft } from '@hub/domain';
import { ProviderRegistry, speaksOAuth, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import type { BrowserAnswer } from '../http/browser-reply';
import { contextProblem } from './callback-verdict';
import type { SpendableCode } from './completion.service';
import { flowCookie } from './flow-cookie';
import { flowEvent } from './flow-event';
import { FlowSecretsService } from './flow-secrets.service';
import { hashSecret, newSecret } from '../http/secrets';

/** What came of taking a parked code up again. */
export type Reopened =
  | { readonly kind: 'code'; readonly spend: SpendableCode }
  /** What waited was the URL that a person has pasted. */
  | {
      readonly kind: 'webhook';
      readonly provider: RegisteredProvider;
      readonly webhookUrl: string;
      readonly told: EventDraft;
    }
  /** Somebody was faster, or the flow is over. */
  | { readonly kind: 'used' }
  /** What the flow was made for is not there any more; the flow is ended. */
  | { readonly kind: 'refused' };

/** A flow that has brought something which is to wait. */
export interface WaitingFlow {
  readonly flow: FlowWithSecrets;
  readonly provider: RegisteredProvider;
}

/** Codes that wait, sealed, until it is known who brought them. */
@Injectable()
export class ParkedCodeService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly flows: FlowRepository,
    private readonly secrets: FlowSecretsService,
  ) {}

  /** Parks a code behind the confirm page. @returns the way there, for the browser that has brought the code */
  async park({ flow, provider, code }: SpendableCode): Promise<BrowserAnswer> {
    const page = newSecret();
    const cookieSecret = newSecret();
    const parked = await this.flows.park(
      flow,
      {
        code: await this.secrets.seal(flow, provider, 'parked_code', code),
        pageHash: hashSecret(page),
        cookieHash: hashSecret(cookieSecret),
        lifeSeconds: codeLifeOf(provider),
      },
      flowEvent(flow, 'flow.unbound', { policy: 'confirm' }),
    );
    if (!parked) return { kind: 'invalid' };
    return {
      kind: 'redirect',
      url: `${this.config.publicUrl}/functions/v1/integrations-confirm/${page}`,
      cookie: flowCookie('confirm', flow.id, cookieSecret, this.config.publicUrl),
    };
  }

  /**
   * Parks what a deferred flow has brought until the backend of the product presents the handle for it.
   *
   * @param code or, where that is the credential, the URL that was pasted
   * @returns the way to the backend, which takes the handle along
   */
  async defer({ flow, provider }: WaitingFlow, code: string): Promise<BrowserAnswer> {
    const handle = newSecret();
    const deferred = await this.flows.defer(
      flow,
      {
        code: await this.secrets.seal(flow, provider, 'parked_code', code),
        handleHash: hashSecret(handle),
        lifeSeconds: codeLifeOf(provider),
      },
      flowEvent(flow, 'flow.deferred'),
    );
    return deferred
      ? { kind: 'redirect', url: withParameters(flow.returnUrl, { flow: flow.id, handle }) }
      : { kind: 'invalid' };
  }

  /**
   * Takes a parked code up again, once. It is opened before it is used up: while its key is out of reach, whoever may
   * complete the flow may try again.
   *
   * @param told what the trail tells beside the connect
   * @throws OpenFailed if the code does not open; the flow is ended then
   * @throws KeyUnavailable if its key is not at hand and the key provider is away
   */
  async reopen(flow: FlowWithSecrets, told: EventDraft): Promise<Reopened> {
    const flowReadMs = performance.now();
    const provider = this.providers.find(flow.provider);
    if (!provider || flow.parkedCode === null) return { kind: 'used' };
    const problem = this.problemOf({ flow, provider });
    if (problem) {
      await this.flows.refuse(flow, flowEvent(flow, problem.name, problem.detail));
      return { kind: 'refused' };
    }
    const code = (await this.secrets.open(flow, provider, 'parked_code', flow.parkedCode)).reveal();
    if (!(await this.flows.unpark(flow))) return { kind: 'used' };
    if (!speaksOAuth(provider)) return { kind: 'webhook', provider, webhookUrl: code, told };
    const { endpoints } = flow;
    if (endpoints === null) throw new Error('a code came back to a flow that was never opened');
    return { kind: 'code', spend: { flow: { ...flow, endpoints }, provider, code, flowReadMs, told } };
  }

  /**
   * The settings may have changed while the code waited: the list of return URLs, whether other browsers may complete at
   * all, the registration, where the provider answers.
   */
  private problemOf({ flow, provider }: WaitingFlow): EventDraft | undefined {
    if (!isAllowedRedirect(flow.returnUrl, this.config.redirectAllowList)) return { name: 'flow.redirect_rejected' };
    if (flow.completion === 'browser' && this.config.connectUnbound === 'refuse')
      return { name: 'flow.unbound', detail: { policy: 'refuse' } };
    if (!speaksOAuth(provider)) return undefined;
    const name = contextProblem({
      flow,
      definition: provider.definition,
      endpoints: provider.endpointsFor(flow.inputs),
      clientId: provider.credentials?.clientId ?? '',
    });
    return name && { name };
  }
}

/** A pasted URL does not age. */
function codeLifeOf(provider: RegisteredProvider): number | null {
  return speaksOAuth(provider) ? (provider.definition.codeLifeSeconds ?? null) : null;
}
