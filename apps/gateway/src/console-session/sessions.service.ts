import { HUB_CONFIG, isLoopback, type HubConfig } from '@hub/config';
import { ConsoleSessionRepository } from '@hub/database';
import { CALLER_SCOPES, consoleScopes, parseOrgId, type ConsoleSession } from '@hub/domain';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import type { SetCookie } from '../http/browser-reply';
import { hostNamed } from '../http/host-named';
import { hashSecret, looksLikeSecret, newSecret } from '../http/secrets';
import { LimitsService } from '../limits/limits.service';
import { isOwnPage, ownOrigins } from './browser-proof';
import type { BrowserSession } from './browser-session';
import { sessionCookie, sessionCookieName } from './session-cookie';

type Cookies = Readonly<Record<string, string | undefined>>;

/** A browser that asks, as far as signing in looks at it. */
export interface AskingBrowser {
  readonly cookies: Cookies;
  readonly address: string;
}

/** A browser that may be signed in by itself. */
export interface LocalBrowser extends AskingBrowser {
  /** The header `Host`. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly site: unknown;
}

/** As the command line names whoever `npm start` prints a token for. */
const LOCAL_USER = 'local-user';

/** Signs browsers in to the console, and out. */
@Injectable()
export class SessionsService {
  private readonly cookieName: string;

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly sessions: ConsoleSessionRepository,
    private readonly denials: DenialsService,
    private readonly limits: LimitsService,
  ) {
    this.cookieName = sessionCookieName(config.publicUrl);
  }

  /** Makes a link that signs one browser in as this caller. @returns its URL, which is told to nobody else */
  async link({ orgId, sub, scopes }: Caller, userLabel: string | null): Promise<string> {
    const link = newSecret();
    await this.sessions.createLink({ orgId, sub, userLabel, scopes: consoleScopes(scopes) }, hashSecret(link));
    return `${this.config.publicUrl}/functions/v1/integrations-session/${link}`;
  }

  /**
   * Opens a link. The session that the browser had before is over: whoever has put it there does not share the new one.
   *
   * @returns the new session's cookie; `undefined` if the link signs nobody in
   * @throws HubError `rate_limited`
   */
  async open(link: string, browser: AskingBrowser): Promise<SetCookie | undefined> {
    const { address, cookies } = browser;
    const cookie = newSecret();
    const opened = looksLikeSecret(link)
      ? await this.sessions.openLink(hashSecret(link), { cookieHash: hashSecret(cookie), address })
      : ({ kind: 'rejected', reason: 'malformed', orgId: null } as const);
    if (opened.kind === 'rejected') {
      const { orgId, reason } = opened;
      this.denials.record({ name: 'console.link_rejected', orgId, address, detail: { reason } });
      if (reason === 'unknown') await this.limits.countGuess('link', address);
      return undefined;
    }
    const before = await this.find(this.cookieOf(cookies), false);
    if (before) await this.sessions.end(before, 'replaced');
    return sessionCookie(cookie, this.config.publicUrl);
  }

  /** The cookie of a session, if the browser brings one, whatever it is worth. */
  cookieOf(cookies: Cookies): string | undefined {
    return cookies[this.cookieName];
  }

  /**
   * The session of a browser while it lives. One that `npm start` has made is worth nothing elsewhere.
   *
   * @param isUse `false`: nobody uses it just now, it is only looked at and grows no younger
   */
  async ofBrowser(cookies: Cookies, isUse = true): Promise<BrowserSession | undefined> {
    const cookie = this.cookieOf(cookies);
    const session = await this.find(cookie, isUse);
    if (cookie === undefined || !session) return undefined;
    if (session.signIn === 'local' && this.config.local === null) return undefined;
    return { session, cookie };
  }

  /**
   * Signs a browser in to the local org, with `npm start` alone. A foreign host name is refused that: it may be a name that
   * was bent to this machine.
   */
  async openLocal(browser: LocalBrowser): Promise<BrowserSession | undefined> {
    const orgId = parseOrgId(this.config.local?.orgId);
    if (!orgId || !isLoopback(hostNamed(browser.host))) return undefined;
    if (!isOwnPage(browser, ownOrigins(this.config, browser.host), true)) return undefined;
    const cookie = newSecret();
    const session = await this.sessions.openLocal(
      { orgId, sub: LOCAL_USER, userLabel: null, scopes: consoleScopes(new Set(CALLER_SCOPES)) },
      { cookieHash: hashSecret(cookie), address: browser.address },
    );
    return { session, cookie };
  }

  /** Ends a session. */
  async end(session: ConsoleSession): Promise<void> {
    await this.sessions.end(session, 'signed_out');
  }

  private async find(cookie: string | undefined, isUse: boolean): Promise<ConsoleSession | undefined> {
    if (cookie === undefined || !looksLikeSecret(cookie)) return undefined;
    return this.sessions.find(hashSecret(cookie), isUse);
  }
}
