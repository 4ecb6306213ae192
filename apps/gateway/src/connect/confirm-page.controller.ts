import { Controller, Req, Res } from '@nestjs/common';
import { sendBrowser, sendPage } from '../http/browser-reply';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { Input, Route } from '../http/route.decorator';
import { ConfirmPageService } from './confirm-page.service';
import { showConfirmPage, submitConfirmPage } from './connect.routes';

@Controller()
export class ConfirmPageController {
  constructor(private readonly confirmPages: ConfirmPageService) {}

  @Route(showConfirmPage)
  async show(
    @Input() { params }: RouteInput<typeof showConfirmPage>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    const answer = await this.confirmPages.show(params['page'] ?? '', request.cookies, request.ip);
    if (answer.kind === 'page') sendPage(reply, answer.page);
    else sendBrowser(reply, answer, 303);
  }

  @Route(submitConfirmPage)
  async submit(
    @Input() { params }: RouteInput<typeof submitConfirmPage>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    const { csrf } = (request.body ?? {}) as { csrf?: unknown };
    const press = { csrf, site: request.headers['sec-fetch-site'] };
    const answer = await this.confirmPages.submit(params['page'] ?? '', press, request.cookies, request.ip);
    if (answer.kind === 'page') sendPage(reply, answer.page);
    else sendBrowser(reply, answer, 303);
  }
}
