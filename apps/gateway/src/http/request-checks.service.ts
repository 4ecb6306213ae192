import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { ProviderRegistry } from '@hub/providers';
import { Inject, Injectable } from '@nestjs/common';
import { namesUnknownKey } from '../callers/bearer.service';
import type { Caller } from '../callers/caller';
import { DenialsService } from '../callers/denials.service';
import { RequestCallers } from '../callers/request-callers.service';
import { SessionChecks } from '../console-session/session-checks.service';
import { LimitsService } from '../limits/limits.service';
import { specOf, type HubRequest } from './hub-request';
import { allowedOrigins } from './allowed-origins';
import { parseQuery, singleValues, doubledNames } from './query-string';
import { relayBody } from './relayed-body';
import type { RouteSpec } from './route';
import { validated } from './validation';

/** What every request passes before a controller sees it: limits, caller, scope, media type, provider, query, body, in this order. */
@Injectable()
export class RequestChecks {
  private readonly origins: ReadonlySet<string>;

  constructor(
    @Inject(HUB_CONFIG) config: HubConfig,
    private readonly callers: RequestCallers,
    private readonly denials: DenialsService,
    private readonly providers: ProviderRegistry,
    private readonly limits: LimitsService,
    private readonly sessions: SessionChecks,
  ) {
    this.origins = allowedOrigins(config);
  }

  /** Counts what is answered before anything is asked about its caller. @throws HubError `rate_limited` */
  async countStranger({ ip }: HubRequest): Promise<void> {
    await this.limits.countAddress(ip);
  }

  /** Before the body is read: a stranger's body is not worth parsing. */
  async beforeBody(request: HubRequest): Promise<void> {
    const spec = specOf(request);
    if (spec?.limit !== 'off' && (spec?.scope ?? null) === null) await this.limits.countAddress(request.ip);
    if (!spec) return;
    if (spec.limit === 'guesses') await this.limits.refuseGuesser('link', request.ip);
    if (spec.caller === 'session') await this.identifyBrowser(request, spec);
    else if (spec.scope !== null) request.caller = await this.checkCaller(request, spec, spec.scope);
    if (spec.relays) relayBody(request);
    else this.telling(request, spec, () => checkMediaType(request, spec));
  }

  private async checkCaller(
    request: HubRequest,
    spec: RouteSpec,
    scope: NonNullable<RouteSpec['scope']>,
  ): Promise<Caller> {
    const isByCookie = this.isByCookie(request, spec);
    const caller = isByCookie ? await this.identifyBrowser(request, spec) : await this.identifyBearer(request, spec);
    if (!caller && !isByCookie) await this.countUnknown(request, spec);
    // a session has passed its own check, which admits fewer pages, and with `npm start` every name of this machine
    if (spec.socket && !request.session) this.checkOrigin(request, spec, caller);
    if (!caller) {
      if (isByCookie) return this.sessions.refuse(request, spec.path);
      this.denials.record({ name: 'auth.failed', address: request.ip, detail: { route: spec.path } });
      throw new HubError('unauthorized', 'This route needs a valid bearer token with an org.');
    }
    await this.limits.countCaller(caller, request.ip);
    if (spec.limit === 'connects') await this.limits.countConnect(caller, request.ip);
    if (!caller.scopes.has(scope)) {
      this.denials.record({
        name: 'auth.forbidden',
        orgId: caller.orgId,
        sub: caller.sub,
        address: request.ip,
        detail: { route: spec.path, scope },
      });
      throw new HubError('forbidden', `This route needs the scope ${scope}.`);
    }
    return caller;
  }

  /** A request that brings no bearer at all is only one more of its address. */
  private async countUnknown({ headers, ip }: HubRequest, spec: RouteSpec): Promise<void> {
    if (this.callers.isNamed(headers, spec)) await this.limits.countBadBearer(ip);
    else await this.limits.countAddress(ip);
  }

  private async identifyBearer({ headers, ip }: HubRequest, spec: RouteSpec): Promise<Caller | undefined> {
    try {
      return await this.callers.callerOf(headers, spec);
    } catch (error) {
      // a key that is new, perhaps; whoever makes such names up is slowed as at all other times
      if (namesUnknownKey(error)) await this.limits.countBadBearer(ip);
      throw error;
    }
  }

  /** A bearer always goes first, wherever it stands. */
  private isByCookie(request: HubRequest, spec: RouteSpec): boolean {
    return (
      spec.caller !== 'bearer' && !this.callers.isNamed(request.headers, spec) && this.sessions.isByCookie(request)
    );
  }

  /** By the console's cookie. */
  private async identifyBrowser(request: HubRequest, { path }: RouteSpec): Promise<Caller | undefined> {
    const found = await this.sessions.check(request, path);
    if (!found) return undefined;
    request.session = found;
    const { orgId, sub, scopes, expiresAt } = found.session;
    return { orgId, sub, scopes: new Set(scopes), expiresAt };
  }

  /** No browser asks before it opens a WebSocket to another origin, so its page's origin is looked at here (RFC 6455 §10.2). */
  private checkOrigin({ headers, ip }: HubRequest, { path }: RouteSpec, caller: Caller | undefined): void {
    if (headers.origin === undefined || this.origins.has(headers.origin)) return;
    this.denials.record({
      name: 'auth.forbidden',
      ...(caller && { orgId: caller.orgId, sub: caller.sub }),
      address: ip,
      detail: { route: path, reason: 'foreign_origin' },
    });
    throw new HubError('forbidden', 'Pages of this origin may not open this socket.', {
      title: 'Foreign origin',
      fix: 'Open it from a page of PUBLIC_URL, SITE_URL or REDIRECT_ALLOWLIST, or from no page at all.',
    });
  }

  /** Once the body is there. */
  beforeHandler(request: HubRequest): void {
    const spec = specOf(request);
    if (spec) this.telling(request, spec, () => this.validate(request, spec));
  }

  /** Does a check, and tells the trail if it fails. */
  private telling(request: HubRequest, spec: RouteSpec, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.recordInvalid(request, spec);
      throw error;
    }
  }

  private validate(request: HubRequest, spec: RouteSpec): void {
    const params = { ...(request.params as Record<string, string>) };
    if (params['provider'] !== undefined) this.checkProvider(params['provider']);
    if (spec.relays) {
      request.input = { params, query: {}, body: undefined };
      return;
    }
    request.input = {
      params,
      query: this.checkQuery(request, spec),
      body:
        spec.body === undefined
          ? undefined
          : validated(spec.body, request.body === undefined ? {} : request.body, 'body'),
    };
    if (spec.body === undefined && spec.kind === 'api') checkNoBody(request);
  }

  /** Of callers only: what strangers send is told by its status alone. */
  private recordInvalid({ caller, ip }: HubRequest, { path }: RouteSpec): void {
    if (!caller) return;
    const { orgId, sub } = caller;
    this.denials.record({ name: 'request.invalid', orgId, sub, address: ip, detail: { route: path } });
  }

  private checkProvider(id: string): void {
    if (!this.providers.find(id)) throw new HubError('unknown_provider', 'The hub knows no provider of this name.');
  }

  private checkQuery(request: HubRequest, spec: RouteSpec): Record<string, unknown> {
    if (spec.kind === 'page' || spec.anyQuery) return {};
    const parameters = parseQuery(request.url);
    const doubled = doubledNames(parameters);
    if (doubled.length > 0)
      throw new HubError('invalid_request', 'The query is not valid: a parameter is there twice.');
    const values = singleValues(parameters);
    if (spec.query) return validated(spec.query, { ...values }, 'query');
    if (parameters.size > 0)
      throw new HubError('invalid_request', 'The query is not valid: this route takes no parameters.');
    return {};
  }
}

const MEDIA_TYPES = { api: 'application/json', page: 'application/x-www-form-urlencoded' } as const;

function checkMediaType(request: HubRequest, spec: RouteSpec): void {
  const type = request.headers['content-type'];
  if (type === undefined || !hasBody(request)) return;
  if (type.split(';')[0]?.trim().toLowerCase() !== MEDIA_TYPES[spec.kind]) {
    throw new HubError('invalid_request', `The body must be sent as ${MEDIA_TYPES[spec.kind]}.`, { status: 415 });
  }
}

function hasBody(request: HubRequest): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function checkNoBody(request: HubRequest): void {
  const { body } = request;
  if (body === undefined) return;
  if (typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0) return;
  throw new HubError('invalid_request', 'The body is not valid: this route takes none.');
}
