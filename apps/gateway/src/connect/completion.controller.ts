import { Controller, Req } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import type { IntegrationView } from '../integrations/integration-view';
import { completeConnect } from './connect.routes';
import { DeferredCompletionService } from './deferred-completion.service';

@Controller()
export class CompletionController {
  constructor(private readonly completions: DeferredCompletionService) {}

  @Route(completeConnect)
  async complete(
    @CurrentCaller() caller: Caller,
    @Input() { body }: RouteInput<typeof completeConnect>,
    @Req() request: HubRequest,
  ): Promise<IntegrationView> {
    return this.completions.complete(caller, body, request.ip);
  }
}
