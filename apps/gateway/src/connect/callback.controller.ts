import { Controller, Req, Res } from '@nestjs/common';
import { sendBrowser } from '../http/browser-reply';
import type { HubReply, HubRequest } from '../http/hub-request';
import { parseQuery } from '../http/query-string';
import type { RouteInput } from '../http/route';
import { Input, Route } from '../http/route.decorator';
import { callback } from './connect.routes';
import { CallbackService } from './callback.service';

@Controller()
export class CallbackController {
  constructor(private readonly callbacks: CallbackService) {}

  @Route(callback)
  async receive(
    @Input() { params }: RouteInput<typeof callback>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    const answer = await this.callbacks.receive({
      provider: params['provider'] ?? '',
      parameters: parseQuery(request.url),
      cookies: request.cookies,
      address: request.ip,
    });
    sendBrowser(reply, answer, 302);
  }
}
