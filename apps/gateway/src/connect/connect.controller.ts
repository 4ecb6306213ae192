import { Controller, Req, Res } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { beginConnect } from './connect.routes';
import { ConnectService } from './connect.service';

@Controller()
export class ConnectController {
  constructor(private readonly connects: ConnectService) {}

  @Route(beginConnect)
  async begin(
    @CurrentCaller() caller: Caller,
    @Input() { body }: RouteInput<typeof beginConnect>,
    @Req() request: HubRequest,
    @Res({ passthrough: true }) reply: HubReply,
  ): Promise<{ authUrl: string; provider: string }> {
    const { provider, redirectUri, completion = 'browser', allowAccountChange = false, ...inputs } = body;
    const { authUrl, cookie } = await this.connects.begin(
      caller,
      { provider, redirectUri, inputs, completion, allowAccountChange },
      request.ip,
    );
    if (cookie) void reply.setCookie(cookie.name, cookie.value, cookie.options);
    void reply.header('cache-control', 'no-store');
    return { authUrl, provider };
  }
}
