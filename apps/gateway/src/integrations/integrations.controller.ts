import { Controller, Res } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubReply } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { ArrivedMs, CurrentCaller, Input, Route } from '../http/route.decorator';
import type { IntegrationView } from './integration-view';
import {
  disconnectIntegration,
  listIntegrations,
  readIntegration,
  refreshIntegration,
  syncIntegration,
} from './integrations.routes';
import { IntegrationsService, type DemandAnswer } from './integrations.service';

/** When to ask again about work that is still under way. */
const ASK_AGAIN_SECONDS = 2;

@Controller()
export class IntegrationsController {
  constructor(private readonly integrations: IntegrationsService) {}

  @Route(listIntegrations)
  async list(@CurrentCaller() caller: Caller): Promise<{ integrations: IntegrationView[] }> {
    return { integrations: await this.integrations.list(caller) };
  }

  @Route(readIntegration)
  async read(
    @CurrentCaller() caller: Caller,
    @Input() { params }: RouteInput<typeof readIntegration>,
  ): Promise<IntegrationView> {
    return this.integrations.read(caller, params['provider'] ?? '');
  }

  @Route(refreshIntegration)
  async refresh(
    @CurrentCaller() caller: Caller,
    @Input() { params }: RouteInput<typeof refreshIntegration>,
    @ArrivedMs() arrivedMs: number,
    @Res({ passthrough: true }) reply: HubReply,
  ): Promise<IntegrationView> {
    return say(reply, await this.integrations.refresh(caller, params['provider'] ?? '', arrivedMs));
  }

  @Route(syncIntegration)
  async sync(
    @CurrentCaller() caller: Caller,
    @Input() { params }: RouteInput<typeof syncIntegration>,
    @ArrivedMs() arrivedMs: number,
    @Res({ passthrough: true }) reply: HubReply,
  ): Promise<IntegrationView> {
    return say(reply, await this.integrations.sync(caller, params['provider'] ?? '', arrivedMs));
  }

  @Route(disconnectIntegration)
  async disconnect(
    @CurrentCaller() caller: Caller,
    @Input() { params, query }: RouteInput<typeof disconnectIntegration>,
  ): Promise<void> {
    await this.integrations.disconnect(caller, params['provider'] ?? '', query.uninstall === 'true');
  }
}

function say(reply: HubReply, answer: DemandAnswer): IntegrationView {
  if (!answer.done) void reply.status(202).header('retry-after', String(ASK_AGAIN_SECONDS));
  return answer.view;
}
