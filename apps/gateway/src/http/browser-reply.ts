import type { CookieSerializeOptions } from '@fastify/cookie';
import type { HubReply } from './hub-request';
import { INVALID_STATE_PAGE, type Page } from './page';

/** A cookie to set. */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly options: Readonly<CookieSerializeOptions>;
}

/** Where the browser goes: on, with a cookie perhaps, or nowhere. */
export type BrowserAnswer =
  { readonly kind: 'redirect'; readonly url: string; readonly cookie?: SetCookie } | { readonly kind: 'invalid' };

/** Sends a page. */
export function sendPage(reply: HubReply, page: Page, status = 200): void {
  void reply.status(status).headers(page.headers).send(page.html);
}

/** Sends the browser on, or the one plain page. 303 after a form, so that the form's body is never sent along (RFC 9700 §4.12). */
export function sendBrowser(reply: HubReply, answer: BrowserAnswer, redirectStatus: 302 | 303): void {
  if (answer.kind === 'invalid') return sendPage(reply, INVALID_STATE_PAGE, 400);
  if (answer.cookie) void reply.setCookie(answer.cookie.name, answer.cookie.value, answer.cookie.options);
  void reply.header('cache-control', 'no-store').redirect(answer.url, redirectStatus);
}
