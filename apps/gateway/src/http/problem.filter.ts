import { DatabaseBusy, OrgForgotten } from '@hub/database';
import { HubError } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { KeyUnavailable, OpenFailed } from '@hub/token-vault';
import { Catch, HttpException, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DenialsService } from '../callers/denials.service';
import { specOf, type HubReply, type HubRequest } from './hub-request';
import { problemBytes, problemOfStatus } from './problem-document';
import { errorPage } from './page';

/** A key provider that was away is asked again after some seconds. */
const ASK_AGAIN_SECONDS = 5;
/** All connections are lent for a burst, mostly: it is over soon. */
const ASK_BUSY_AGAIN_SECONDS = 2;

/** The one place where errors become answers: a problem for callers, a plain page for browsers. A bug is logged here, once. */
@Injectable()
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: HubLogger,
    private readonly denials: DenialsService,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<HubRequest>(), http.getResponse<HubReply>());
  }

  /** Answers a request with what went wrong. */
  answer(error: unknown, request: HubRequest, reply: HubReply): void {
    const problem = this.toProblem(error, request);
    request.problem = problem.code;
    if (reply.sent) return;
    for (const name of request.relayedHeaders ?? []) reply.removeHeader(name);
    if (problem.retryAfterSeconds !== undefined) void reply.header('retry-after', String(problem.retryAfterSeconds));
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    void reply.header('cache-control', 'no-store').status(problem.status);
    if (specOf(request)?.kind === 'page') {
      const page = errorPage(problem);
      void reply.headers(page.headers).send(page.html);
      return;
    }
    void reply.header('content-type', 'application/problem+json').send(problemBytes(problem, request.id));
  }

  /** A sealed value that does not open may have been moved or changed: somebody must look. */
  private recordUnopened({ cell, reason }: OpenFailed, request: HubRequest): void {
    const { orgId, provider, table, column } = cell;
    this.denials.record({
      name: 'seal.open_failed',
      orgId,
      provider,
      address: request.ip,
      detail: { table, column, reason },
    });
  }

  /** Nothing is wrong with the token, nor with whoever asks: it passes with the outage. */
  private keysAway(error: KeyUnavailable, request: HubRequest): HubError {
    this.logger.warning('hub.keys.unavailable', { request: request.id, ...error.facts });
    return new HubError(
      'provider_unavailable',
      'The hub cannot reach the key provider that opens what it has sealed; the token itself is not to blame.',
      { title: 'The hub’s key provider cannot be reached', retryAfterSeconds: ASK_AGAIN_SECONDS },
    );
  }

  /** Nothing was done: the same request may come again. */
  private busy(request: HubRequest): HubError {
    this.logger.warning('hub.database.busy', { request: request.id, route: request.routeOptions.url });
    return new HubError('provider_unavailable', 'The hub has more to do than its database takes at the moment.', {
      title: 'The hub is busy',
      fix: 'Wait for as long as Retry-After says, then try again.',
      retryAfterSeconds: ASK_BUSY_AGAIN_SECONDS,
    });
  }

  /** What the framework could not even read, such as a body that is no JSON: told like what the hub's own checks refuse. */
  private unread(problem: HubError, request: HubRequest): HubError {
    const { caller, ip } = request;
    if (caller && problem.code === 'invalid_request')
      this.denials.record({
        name: 'request.invalid',
        orgId: caller.orgId,
        sub: caller.sub,
        address: ip,
        detail: { route: specOf(request)?.path, status: problem.status },
      });
    return problem;
  }

  private toProblem(error: unknown, request: HubRequest): HubError {
    if (error instanceof HubError) return error;
    if (error instanceof KeyUnavailable) return this.keysAway(error, request);
    if (error instanceof DatabaseBusy) return this.busy(request);
    if (error instanceof OrgForgotten) return orgForgotten();
    if (error instanceof OpenFailed) this.recordUnopened(error, request);
    const known = problemOfStatus(statusOf(error));
    if (known) return this.unread(known, request);
    this.logger.failure('hub.request.failed', error, {
      request: request.id,
      method: request.method,
      route: request.routeOptions.url,
    });
    return new HubError(
      'internal',
      'The hub could not answer this request; its log has the reason under the instance.',
    );
  }
}

function orgForgotten(): HubError {
  return new HubError('forbidden', 'The operators have had this org forgotten: nothing is stored for it any more.', {
    title: 'This org is forgotten',
    fix: 'Use another org: this one cannot come back.',
  });
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}
