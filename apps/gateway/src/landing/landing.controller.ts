import { HUB_CONFIG, isLoopback, type HubConfig } from '@hub/config';
import { parseOrgId } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import { sendBrowser, sendPage } from '../http/browser-reply';
import { hostNamed } from '../http/host-named';
import type { HubReply, HubRequest } from '../http/hub-request';
import { parseQuery, singleValues } from '../http/query-string';
import { Route } from '../http/route.decorator';
import type { IntegrationView } from '../integrations/integration-view';
import { IntegrationsService } from '../integrations/integrations.service';
import { landingPage } from './landing-page';
import { home, landing } from './landing.routes';

@Controller()
export class LandingController {
  private readonly labels: Readonly<Record<string, string>>;

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly integrations: IntegrationsService,
    providers: ProviderRegistry,
  ) {
    this.labels = Object.fromEntries(providers.all().map(({ definition }) => [definition.id, definition.label]));
  }

  @Route(home)
  home(@Res() reply: HubReply): void {
    sendBrowser(reply, { kind: 'redirect', url: '/integrations' }, 302);
  }

  @Route(landing)
  async show(@Req() request: HubRequest, @Res() reply: HubReply): Promise<void> {
    sendPage(
      reply,
      landingPage(singleValues(parseQuery(request.url)), this.labels, await this.localIntegrations(request)),
    );
  }

  /** With `npm start` the page shows the local org. A foreign host name is refused that: it may be a name that was bent to this machine. */
  private async localIntegrations(request: HubRequest): Promise<IntegrationView[] | undefined> {
    const orgId = parseOrgId(this.config.local?.orgId);
    if (!orgId || !isLoopback(hostNamed(request.headers.host))) return undefined;
    return this.integrations.list({ orgId, sub: 'local', scopes: new Set(['integrations:read']), expiresAt: null });
  }
}
