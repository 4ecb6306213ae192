import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { isAllowedRedirect, type EventDraft, type EventName } from '@hub/domain';
import { ProviderRegistry, speaksOAuth } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import type { BrowserAnswer } from '../http/browser-reply';
import { contextProblem } from './callback-verdict';
import type { SpendableCode } from './completion.service';
import { flowCookie } from './flow-cookie';
import { flowEvent } from './flow-event';
import { FlowSecretsService } from './flow-secrets.service';
import { hashSecret, newSecret } from './secrets';

/** What came of taking a parked code up again. */
export type Reopened =
  | { readonly kind: 'reopened'; readonly spend: SpendableCode }
  /** Somebody was faster, or the flow is over. */
  | { readonly kind: 'used' }
  /** What the flow was made for is not there any more; the flow is ended. */
  | { readonly kind: 'refused' };

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
    if (!provider || !speaksOAuth(provider) || flow.endpoints === null || flow.parkedCode === null)
      return { kind: 'used' };
    const problem = this.problemOf(flow);
    if (problem) {
      await this.flows.refuse(flow, flowEvent(flow, problem));
      return { kind: 'refused' };
    }
    const code = await this.secrets.open(flow, provider, 'parked_code', flow.parkedCode);
    if (!(await this.flows.unpark(flow))) return { kind: 'used' };
    const spend = {
      flow: { ...flow, endpoints: flow.endpoints },
      provider,
      code: code.reveal(),
      flowReadMs,
      unbound: told,
    };
    return { kind: 'reopened', spend };
  }

  /** The settings may have changed while the code waited: the list of return URLs, the registration, where the provider answers. */
  private problemOf(flow: FlowWithSecrets): EventName | undefined {
    if (!isAllowedRedirect(flow.returnUrl, this.config.redirectAllowList)) return 'flow.redirect_rejected';
    const provider = this.providers.find(flow.provider);
    if (!provider || !speaksOAuth(provider)) return undefined;
    return contextProblem({
      flow,
      definition: provider.definition,
      endpoints: provider.endpointsFor(flow.inputs),
      clientId: provider.credentials?.clientId ?? '',
    });
  }
}
