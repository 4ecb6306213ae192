import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import { HubError, withParameters, type EventDraft } from '@hub/domain';
import { ProviderRegistry, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import type { Page } from '../http/page';
import { inputPage, type InputComplaint } from './connect-pages';
import { flowCookieName, spentCookie } from './flow-cookie';
import { flowEvent } from './flow-event';
import { countedCallback, type FlowOutcome } from './flow-metrics';
import { FlowOpeningService } from './flow-opening.service';
import { FlowPagesService } from './flow-pages.service';
import { ParkedCodeService } from './parked-code.service';
import { normalised } from './provider-inputs';
import { isSecret } from '../http/secrets';
import { WebhookConnectService } from './webhook-connect.service';
import type { BrowserAnswer } from '../http/browser-reply';

/** What the page answers: itself, perhaps with a complaint, or the way on. */
export type InputAnswer = BrowserAnswer | { readonly kind: 'page'; readonly page: Page; readonly status: 200 | 422 };

type Cookies = Readonly<Record<string, string | undefined>>;

/** The hub's own page that asks for a missing shop or hook URL. */
@Injectable()
export class InputPageService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly flows: FlowRepository,
    private readonly pages: FlowPagesService,
    private readonly opening: FlowOpeningService,
    private readonly webhooks: WebhookConnectService,
    private readonly parked: ParkedCodeService,
    private readonly denials: DenialsService,
  ) {}

  async show(pageSecret: string, cookies: Cookies, address: string): Promise<InputAnswer> {
    const waiting = await this.waiting(pageSecret, address);
    if (!waiting) return { kind: 'invalid' };
    const isStrange = this.isStrange(waiting, cookies);
    if (isStrange && this.config.connectUnbound === 'refuse') return this.refuse(waiting);
    return this.page(pageSecret, waiting, isStrange, 200);
  }

  /** @param fields the form's, by the inputs' names */
  async submit(
    pageSecret: string,
    fields: Readonly<Record<string, unknown>>,
    cookies: Cookies,
    address: string,
  ): Promise<InputAnswer> {
    const waiting = await this.waiting(pageSecret, address);
    if (!waiting) return { kind: 'invalid' };
    const { flow, provider } = waiting;
    const isStrange = this.isStrange(waiting, cookies);
    if (isStrange && this.config.connectUnbound === 'refuse') return this.refuse(waiting);
    const inputs: Record<string, string> = { ...flow.inputs };
    for (const input of provider.definition.inputs) {
      const typed = textOf(fields[input.name]);
      try {
        inputs[input.name] = normalised(input, typed);
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        this.denials.record({
          name: error.code === 'webhook_host_not_allowed' ? 'webhook.rejected' : 'request.invalid',
          orgId: flow.orgId,
          provider: flow.provider,
          address,
        });
        return this.page(pageSecret, waiting, isStrange, 422, {
          input: input.name,
          text: `This must be ${input.expected}.`,
          ...(!input.secret && isBare(typed) && { typed }),
        });
      }
    }
    return provider.definition.authMode === 'webhook_url'
      ? this.storeWebhook(waiting, inputs['webhookUrl'] ?? '', isStrange)
      : this.openFlow(waiting, inputs);
  }

  private async openFlow({ flow, provider }: Waiting, inputs: Readonly<Record<string, string>>): Promise<InputAnswer> {
    const { authUrl, opened } = await this.opening.open(flow, provider, inputs);
    const isOpen = await this.flows.open(flow.orgId, flow.id, opened);
    return isOpen ? { kind: 'redirect', url: authUrl } : { kind: 'invalid' };
  }

  /**
   * Whether what is typed here would connect an account for a browser that did not start the flow. This page names org and
   * asker, warns such a browser and has a button of its own, so it is its confirm page. Where a provider is asked next the
   * callback looks at the cookie, and a deferred flow is for its backend to judge.
   */
  private isStrange({ flow, provider }: Waiting, cookies: Cookies): boolean {
    if (provider.definition.authMode !== 'webhook_url' || flow.completion === 'deferred') return false;
    return !isSecret(cookies[flowCookieName('flow', flow.id, this.config.publicUrl)], flow.cookieHash);
  }

  private async refuse({ flow }: Waiting): Promise<InputAnswer> {
    await countedCallback(flow.provider, async () => {
      await this.flows.refuse(flow, flowEvent(flow, 'flow.unbound', { policy: 'refuse' }));
      return { outcome: 'denied' };
    });
    return { kind: 'invalid' };
  }

  private async storeWebhook(waiting: Waiting, webhookUrl: string, isStrange: boolean): Promise<InputAnswer> {
    const { answer } = await countedCallback(waiting.flow.provider, () =>
      this.complete(waiting, webhookUrl, isStrange),
    );
    return answer;
  }

  private async complete(
    { flow, provider }: Waiting,
    webhookUrl: string,
    isStrange: boolean,
  ): Promise<{ answer: BrowserAnswer; outcome: FlowOutcome }> {
    if (flow.completion === 'deferred') {
      const answer = await this.parked.defer({ flow, provider }, webhookUrl);
      return { answer, outcome: answer.kind === 'invalid' ? 'denied' : 'parked' };
    }
    const told: EventDraft | undefined = isStrange
      ? { name: 'flow.confirmed', detail: { flow: flow.id, policy: this.config.connectUnbound } }
      : undefined;
    const stored = await this.webhooks.store({ orgId: flow.orgId, sub: flow.startedBy }, provider, webhookUrl, {
      id: flow.id,
      from: 'awaiting_input',
      told,
    });
    if (!stored) return { answer: { kind: 'invalid' }, outcome: 'denied' };
    const url = withParameters(flow.returnUrl, { success: flow.provider });
    const cookie = spentCookie('flow', flow.id, this.config.publicUrl);
    return { answer: { kind: 'redirect', url, cookie }, outcome: 'connected' };
  }

  private async waiting(pageSecret: string, address: string): Promise<Waiting | undefined> {
    const flow = await this.pages.flowOf(pageSecret, address);
    if (!flow || flow.status !== 'awaiting_input' || flow.expiresAt <= flow.readAt) return undefined;
    const provider = this.providers.find(flow.provider);
    return provider && { flow, provider };
  }

  private page(
    pageSecret: string,
    { flow, provider }: Waiting,
    isStrange: boolean,
    status: 200 | 422,
    complaint?: InputComplaint,
  ): InputAnswer {
    const view = {
      flow,
      isStrange,
      definition: provider.definition,
      inputs: provider.definition.inputs,
      action: `${this.config.publicUrl}/functions/v1/integrations-connect/${pageSecret}`,
      targets: this.targets(flow, provider),
      ...(complaint !== undefined && { complaint }),
    };
    return { kind: 'page', page: inputPage(view), status };
  }

  /** Where the form leads to: the provider's authorize page where there is one, and the return URL. */
  private targets(flow: FlowWithSecrets, provider: RegisteredProvider): string[] {
    const { definition } = provider;
    if (definition.authMode === 'webhook_url') return [flow.returnUrl];
    const examples = Object.fromEntries(definition.inputs.map(({ name, example }) => [name, example]));
    return [provider.endpointsFor(examples).authorizeUrl, flow.returnUrl];
  }
}

interface Waiting {
  readonly flow: FlowWithSecrets;
  readonly provider: RegisteredProvider;
}

/** Whether it is no more than a name or a host: what has a path may be somebody's webhook URL, typed into the wrong page. */
function isBare(typed: string): boolean {
  return !typed.includes('/');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
