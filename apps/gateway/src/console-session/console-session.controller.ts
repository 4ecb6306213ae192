import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { sendBrowser, sendPage } from '../http/browser-reply';
import type { HubReply, HubRequest } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import { csrfTokenOf } from './browser-proof';
import type { BrowserSession } from './browser-session';
import { createConsoleLink, endConsoleSession, openConsoleLink, readConsoleSession } from './console-session.routes';
import { isOpenedAhead } from './opened-ahead';
import { REJECTED_LINK_PAGE } from './rejected-link-page';
import { SessionChecks } from './session-checks.service';
import { endedCookie, sessionCookie } from './session-cookie';
import { SessionsService } from './sessions.service';

/** A session as its own page reads it. */
interface SessionView {
  readonly orgId: string;
  readonly sub: string;
  readonly userLabel: string | null;
  readonly scopes: readonly string[];
  readonly csrfToken: string;
  readonly expiresAt: string;
}

@Controller()
export class ConsoleSessionController {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly sessions: SessionsService,
    private readonly checks: SessionChecks,
  ) {}

  @Route(createConsoleLink)
  async link(
    @CurrentCaller() caller: Caller,
    @Input() { body }: RouteInput<typeof createConsoleLink>,
    @Res({ passthrough: true }) reply: HubReply,
  ): Promise<{ url: string }> {
    const url = await this.sessions.link(caller, body.userLabel ?? null);
    void reply.header('cache-control', 'no-store');
    return { url };
  }

  @Route(openConsoleLink)
  async open(
    @Input() { params }: RouteInput<typeof openConsoleLink>,
    @Req() request: HubRequest,
    @Res() reply: HubReply,
  ): Promise<void> {
    const cookie = isOpenedAhead(request.headers)
      ? undefined
      : await this.sessions.open(params['link'] ?? '', { cookies: request.cookies, address: request.ip });
    if (cookie) sendBrowser(reply, { kind: 'redirect', url: `${this.config.publicUrl}/integrations`, cookie }, 303);
    else sendPage(reply, REJECTED_LINK_PAGE, 400);
  }

  @Route(readConsoleSession)
  async read(@Req() request: HubRequest, @Res({ passthrough: true }) reply: HubReply): Promise<SessionView> {
    void reply.header('cache-control', 'no-store');
    const found = request.session ?? (await this.openLocal(request, reply));
    return found ? toView(found) : this.checks.refuse(request, readConsoleSession.path);
  }

  @Route(endConsoleSession)
  async end(@Req() request: HubRequest, @Res({ passthrough: true }) reply: HubReply): Promise<void> {
    const found = request.session ?? (await this.checks.refuse(request, endConsoleSession.path));
    await this.sessions.end(found.session);
    const { name, value, options } = endedCookie(this.config.publicUrl);
    void reply.setCookie(name, value, options).header('cache-control', 'no-store');
  }

  private async openLocal(request: HubRequest, reply: HubReply): Promise<BrowserSession | undefined> {
    const { headers, cookies, ip } = request;
    const { host, origin } = headers;
    const found = await this.sessions.openLocal({
      cookies,
      address: ip,
      host,
      origin,
      site: headers['sec-fetch-site'],
    });
    if (!found) return undefined;
    const { name, value, options } = sessionCookie(found.cookie, this.config.publicUrl);
    void reply.setCookie(name, value, options);
    return found;
  }
}

function toView({ session, cookie }: BrowserSession): SessionView {
  const { orgId, sub, userLabel, scopes, expiresAt } = session;
  return { orgId, sub, userLabel, scopes, csrfToken: csrfTokenOf(cookie), expiresAt: expiresAt.toISOString() };
}
