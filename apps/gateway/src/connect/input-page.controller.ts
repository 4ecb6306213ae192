import { Controller, Req, Res } from '@nestjs/common';
import { sendBrowser, sendPage } from '../http/browser-reply';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { Input, Route } from '../http/route.decorator';
import { showInputPage, submitInputPage } from './connect.routes';
import { InputPageService, type InputAnswer } from './input-page.service';

@Controller()
export class InputPageController {
  constructor(private readonly inputPages: InputPageService) {}

  @Route(showInputPage)
  async show(
    @Input() { params }: RouteInput<typeof showInputPage>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    send(reply, await this.inputPages.show(params['page'] ?? '', request.cookies, request.ip));
  }

  @Route(submitInputPage)
  async submit(
    @Input() { params }: RouteInput<typeof submitInputPage>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    const fields = (request.body ?? {}) as Record<string, unknown>;
    send(reply, await this.inputPages.submit(params['page'] ?? '', fields, request.cookies, request.ip));
  }
}

function send(reply: HubReply, answer: InputAnswer): void {
  if (answer.kind === 'page') sendPage(reply, answer.page, answer.status);
  else sendBrowser(reply, answer, 303);
}
