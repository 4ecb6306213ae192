import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import { sendBrowser } from '../http/browser-reply';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { Input, Route } from '../http/route.decorator';
import { ConsoleFiles, type ServedFile } from './console-files.service';
import { consolePolicy } from './console-policy';
import { consoleAsset, consolePage, home, providerCatalog } from './console.routes';
import { providerCard, type ProviderCard } from './provider-card';

/** A year: the name of an asset changes with its content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

@Controller()
export class ConsoleController {
  private readonly policy: string;
  private readonly cards: readonly ProviderCard[];
  private readonly returnUrl: string | null;

  constructor(
    @Inject(HUB_CONFIG) config: HubConfig,
    private readonly files: ConsoleFiles,
    providers: ProviderRegistry,
  ) {
    this.policy = consolePolicy(config.publicUrl);
    this.cards = providers.all().map(({ definition }) => providerCard(definition));
    const own = `${config.publicUrl}/integrations`;
    this.returnUrl = config.redirectAllowList.includes(own) ? own : null;
  }

  @Route(home)
  home(@Res() reply: HubReply): void {
    sendBrowser(reply, { kind: 'redirect', url: '/integrations' }, 302);
  }

  @Route(consolePage)
  page(@Req() request: HubRequest, @Res() reply: HubReply): void {
    void reply.headers({ 'content-security-policy': this.policy, 'cache-control': 'no-cache' });
    send(reply, this.files.page(acceptedBy(request)));
  }

  @Route(consoleAsset)
  asset(
    @Input() { params }: RouteInput<typeof consoleAsset>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): void {
    const file = this.files.asset(params['asset'] ?? '', acceptedBy(request));
    if (!file) throw new HubError('not_found', 'No such file.');
    void reply.header('cache-control', FOR_EVER);
    send(reply, file);
  }

  @Route(providerCatalog)
  catalog(): { providers: readonly ProviderCard[]; returnUrl: string | null } {
    return { providers: this.cards, returnUrl: this.returnUrl };
  }
}

function acceptedBy({ headers }: HubRequest): string | undefined {
  const accepted = headers['accept-encoding'];
  return Array.isArray(accepted) ? accepted.join(',') : accepted;
}

function send(reply: HubReply, { type, content, encoding }: ServedFile): void {
  void reply.headers({ 'content-type': type, vary: 'accept-encoding' });
  if (encoding) void reply.header('content-encoding', encoding);
  void reply.send(content);
}
