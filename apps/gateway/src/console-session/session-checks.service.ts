import type { IncomingHttpHeaders } from 'node:http';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { Inject, Injectable } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import { LimitsService } from '../limits/limits.service';
import { ownOrigins, proofProblem, type ProofProblem } from './browser-proof';
import type { BrowserSession } from './browser-session';
import { SessionsService } from './sessions.service';

/** A request, as far as the checks of a session look at it; an upgrade to a WebSocket has the same. */
export interface CookieRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  readonly ip: string;
}

/** Who calls by the console's cookie, and whether a page of the hub's own sent it. */
@Injectable()
export class SessionChecks {
  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly sessions: SessionsService,
    private readonly denials: DenialsService,
    private readonly limits: LimitsService,
  ) {}

  /** Whether the request brings a cookie and no `Authorization`, which always goes first. */
  isByCookie({ headers, cookies }: CookieRequest): boolean {
    return headers.authorization === undefined && this.sessions.cookieOf(cookies) !== undefined;
  }

  /**
   * The session behind a request without `Authorization`.
   *
   * @param route told in the trail
   * @returns `undefined` where there is none: see {@link refuse}
   * @throws HubError `forbidden` if another site's page sent it, or it changes something without a proof; `rate_limited`
   */
  async check(request: CookieRequest, route: string): Promise<BrowserSession | undefined> {
    if (!this.isByCookie(request)) return undefined;
    await this.limits.refuseGuesser('session', request.ip);
    const found = await this.sessions.ofBrowser(request.cookies, isUse(request.headers));
    if (!found) return undefined;
    const problem = proofProblem(sentBy(request), found.cookie, ownOrigins(this.config, request.headers.host));
    if (!problem) return found;
    const { orgId, sub } = found.session;
    const detail = { route, reason: problem };
    this.denials.record({ name: 'auth.forbidden', orgId, sub, address: request.ip, detail });
    throw forbidden(problem);
  }

  /** Nobody is signed in: a cookie that nobody knows is told in the trail, and counted. @throws HubError `unauthorized`, `rate_limited` */
  async refuse(request: CookieRequest, route: string): Promise<never> {
    if (this.isByCookie(request)) {
      await this.limits.countGuess('session', request.ip);
      this.denials.record({ name: 'auth.failed', address: request.ip, detail: { route } });
    }
    throw new HubError('unauthorized', 'This browser is not signed in (any more).', {
      title: 'Nobody is signed in',
      fix: 'Open the page of integrations from your product again.',
    });
  }
}

/**
 * Whether somebody is there who uses the session. A page says so of what it asks by itself, and a socket, which it opens
 * by itself as well, cannot say anything.
 */
function isUse({ upgrade, 'x-unattended': unattended }: IncomingHttpHeaders): boolean {
  return upgrade === undefined && unattended === undefined;
}

function sentBy({ method, headers }: CookieRequest): Parameters<typeof proofProblem>[0] {
  return { method, origin: headers.origin, site: headers['sec-fetch-site'], csrf: headers['x-csrf-token'] };
}

const DETAILS: Readonly<Record<ProofProblem, string>> = {
  foreign_origin: 'The cookie of the console is for the hub’s own pages: pages of other sites cannot use it.',
  csrf_missing: 'What changes something needs the header X-CSRF-Token when it is asked for by cookie.',
  csrf_wrong: 'The header X-CSRF-Token does not belong to this session.',
};

function forbidden(problem: ProofProblem): HubError {
  const fix =
    problem === 'foreign_origin'
      ? 'Call from your backend, with a bearer token.'
      : 'Read csrfToken from GET /functions/v1/integrations-session and send it along.';
  return new HubError('forbidden', DETAILS[problem], { fix });
}
