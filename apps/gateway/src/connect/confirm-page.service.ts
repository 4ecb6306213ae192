import { HUB_CONFIG, type HubConfig } from '@hub/config';
import type { FlowWithSecrets } from '@hub/database';
import { HubError } from '@hub/domain';
import { ProviderRegistry, type RegisteredProvider } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import type { Page } from '../http/page';
import type { BrowserAnswer } from '../http/browser-reply';
import { CallbackService } from './callback.service';
import { confirmPage } from './connect-pages';
import { flowCookieName } from './flow-cookie';
import { FlowPagesService } from './flow-pages.service';
import { csrfProof, isCsrfProof, isSecret } from '../http/secrets';

export type ConfirmAnswer = BrowserAnswer | { readonly kind: 'page'; readonly page: Page };

/** A press of the button, as the browser sends it. */
export interface Press {
  readonly csrf: unknown;
  /** From where, as the browser tells it (`Sec-Fetch-Site`); old browsers do not. */
  readonly site: unknown;
}

type Cookies = Readonly<Record<string, string | undefined>>;

/** The page's own origin, or nobody's page; browsers that do not tell have the proof alone. */
const OWN_SITES: readonly unknown[] = [undefined, 'same-origin', 'none'];

/** The page that asks before an account is connected for somebody else's flow. Only its own button, in the browser that was shown it, completes. */
@Injectable()
export class ConfirmPageService {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly providers: ProviderRegistry,
    private readonly pages: FlowPagesService,
    private readonly callbacks: CallbackService,
    private readonly denials: DenialsService,
  ) {}

  async show(pageSecret: string, cookies: Cookies, address: string): Promise<ConfirmAnswer> {
    const parked = await this.parked(pageSecret, address);
    const cookie = parked && this.cookieOf(parked.flow, cookies);
    if (!parked || cookie === undefined) return { kind: 'invalid' };
    const { flow, provider } = parked;
    const view = {
      flow,
      definition: provider.definition,
      account: provider.definition.accountFromInputs?.(flow.inputs)?.label,
      action: `${this.config.publicUrl}/functions/v1/integrations-confirm/${pageSecret}`,
      csrf: csrfProof(cookie, pageSecret),
      targets: [flow.returnUrl],
    };
    return { kind: 'page', page: confirmPage(view) };
  }

  /** @throws HubError `forbidden` if the press does not come from the browser that was shown the page */
  async submit(pageSecret: string, { csrf, site }: Press, cookies: Cookies, address: string): Promise<ConfirmAnswer> {
    const parked = await this.parked(pageSecret, address);
    if (!parked) return { kind: 'invalid' };
    const { flow } = parked;
    const cookie = this.cookieOf(flow, cookies);
    const isProven = cookie !== undefined && typeof csrf === 'string' && isCsrfProof(csrf, cookie, pageSecret);
    if (!isProven || !OWN_SITES.includes(site)) {
      this.denials.record({
        name: 'flow.confirm_rejected',
        orgId: flow.orgId,
        provider: flow.provider,
        address,
        detail: { flow: flow.id },
      });
      throw new HubError(
        'forbidden',
        'This button works only in the browser that was shown its page. Nothing was done.',
      );
    }
    return this.callbacks.resume(flow, address);
  }

  /** The cookie that this flow's callback gave to this browser. */
  private cookieOf(flow: FlowWithSecrets, cookies: Cookies): string | undefined {
    const cookie = cookies[flowCookieName('confirm', flow.id, this.config.publicUrl)];
    return isSecret(cookie, flow.confirmCookieHash) ? cookie : undefined;
  }

  private async parked(
    pageSecret: string,
    address: string,
  ): Promise<{ flow: FlowWithSecrets; provider: RegisteredProvider } | undefined> {
    const flow = await this.pages.flowOf(pageSecret, address);
    if (!flow || flow.status !== 'parked' || flow.expiresAt <= flow.readAt) return undefined;
    const provider = this.providers.find(flow.provider);
    return provider && { flow, provider };
  }
}
