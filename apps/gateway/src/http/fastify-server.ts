import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import formbody from '@fastify/formbody';
import type { HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { nameRoute } from '@hub/telemetry';
import fastify, { type FastifyInstance } from 'fastify';
import { ALL_ROUTES } from '../routes';
import { watchTokenRead } from '../tokens/token-read-metrics';
import { allowedMethods } from './allowed-methods';
import { Arrival, ARRIVAL_MS, LONGEST_ARRIVAL_MS } from './arrival';
import { corsOf } from './cors';
import { specOf, type HubReply, type HubRequest } from './hub-request';
import { answerLate, answerNoRequest } from './no-request';
import { problemBytes, PROBLEM_HEADERS, problemOfStatus } from './problem-document';
import { takeRelayedBodies } from './relayed-body';
import type { RequestChecks } from './request-checks.service';
import { methodsOfRoute, type RouteSpec } from './route';
import { securityHeaders } from './security-headers';
import { takeUpgrades } from './upgrades';

const BODY_LIMIT_BYTES = 64 * 1024;
/** Of all headers together, the URL included. */
const HEADER_LIMIT_BYTES = 16 * 1024;
/** Providers send long error descriptions: a callback must get through to its own checks. */
const URL_LIMIT = 12 * 1024;
const LONGEST_PARAM = 128;

/** The HTTP server itself: limits, request ids, parsers. Its checks are added by {@link addChecks} once they can be built. */
export async function fastifyServer(config: HubConfig): Promise<FastifyInstance> {
  const headers = securityHeaders(config);
  const server = fastify({
    http: { maxHeaderSize: HEADER_LIMIT_BYTES, headersTimeout: ARRIVAL_MS },
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: LONGEST_ARRIVAL_MS,
    exposeHeadRoutes: false, // a prefetching HEAD must never use up a callback
    routerOptions: { maxParamLength: LONGEST_PARAM },
    genReqId: () => randomUUID(),
    trustProxy: config.trustProxy.length === 0 ? false : [...config.trustProxy],
    logger: false,
    // what the router itself refuses never meets a route, and so no filter
    frameworkErrors: (error, request, reply) => {
      new Arrival(request.raw, reply.raw, () => answerLate(request.raw.socket, headers));
      answerRefusal(error.statusCode ?? 400, request, reply, headers);
    },
    clientErrorHandler: (error, socket) => answerNoRequest(error, socket, headers),
  });
  server.removeContentTypeParser('text/plain');
  takeEmptyJson(server);
  takeLargeBodies(server);
  answerHeads(server);
  takeRelayedBodies(server);
  endConnectionsAtClose(server);
  takeUpgrades(server);
  await server.register(cookie);
  await server.register(formbody, { bodyLimit: BODY_LIMIT_BYTES });
  return server;
}

/** Many clients name JSON as the type of a body that they do not send: that is no body, not a broken one. */
function takeEmptyJson(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, String(body), done);
  });
}

/** Only where a route says so. */
function takeLargeBodies(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const config: { readonly spec?: RouteSpec } = route.config ?? {};
    if (config.spec?.bodyLimitBytes !== undefined) route.bodyLimit = config.spec.bodyLimitBytes;
  });
}

/** Only where a route says so: fastify's own way would be open for all of them. Node leaves the body of the answer out. */
function answerHeads(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const config: { readonly spec?: RouteSpec } = route.config ?? {};
    if (config.spec?.head) route.method = methodsOfRoute(config.spec);
  });
}

/** What is under way at the stop is answered, and its connection ended: a client that keeps it open would hold the stop up. */
function endConnectionsAtClose(server: FastifyInstance): void {
  let isClosing = false;
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) void reply.header('connection', 'close');
    done(null, payload);
  });
}

function answerRefusal(
  status: number,
  request: Pick<HubRequest, 'id'>,
  reply: HubReply,
  headers: Readonly<Record<string, string>>,
): void {
  const problem =
    problemOfStatus(status) ?? new HubError('invalid_request', 'The URL cannot be parsed.', { status: 400 });
  answerProblem(problem, request, reply, headers);
}

function answerProblem(
  problem: HubError,
  request: Pick<HubRequest, 'id'>,
  reply: HubReply,
  headers: Readonly<Record<string, string>>,
): HubReply {
  if (problem.retryAfterSeconds !== undefined) void reply.header('retry-after', String(problem.retryAfterSeconds));
  return reply
    .status(problem.status)
    .headers({ ...headers, ...PROBLEM_HEADERS, 'x-request-id': request.id })
    .send(problemBytes(problem, request.id));
}

/** Puts the hub's checks before every route, and CORS between them: it answers preflights itself. */
export async function addChecks(server: FastifyInstance, checks: RequestChecks, config: HubConfig): Promise<void> {
  const headers = securityHeaders(config);
  server.addHook('onRequest', async (request: HubRequest, reply: HubReply) => {
    request.arrivedMs = performance.now();
    request.arrival = new Arrival(request.raw, reply.raw, () => answerLate(request.raw.socket, headers));
    watchTokenRead(request, reply);
    if (request.routeOptions.url !== undefined) nameRoute(request.routeOptions.url);
    void reply.headers({ ...headers, 'x-request-id': request.id });
    if (request.method !== 'OPTIONS') return undefined;
    const refusal = await refusalOfOptions(request, reply, checks);
    return refusal && answerProblem(refusal, request, reply, headers);
  });
  await server.register(cors, { delegator: corsOf(config, ALL_ROUTES) });
  // behind CORS: a page of an allowed origin may read why it is refused
  server.addHook('onRequest', async (request: HubRequest, reply: HubReply) => {
    if (request.url.length > URL_LIMIT) {
      await checks.countStranger(request);
      throw new HubError('invalid_request', 'The URL is too long.', { status: 414 });
    }
    if (hasEmptySegment(request)) {
      await checks.countStranger(request);
      // whatever route this has met: it is none of its pages
      return answerProblem(new HubError('not_found', 'No route has this path.'), request, reply, headers);
    }
    if ((request.is404 && methodsOf(request).length > 0) || isMistaken(request)) {
      await checks.countStranger(request);
      refuseMethod(request, reply);
    }
    await checks.beforeBody(request);
    return undefined;
  });
  server.addHook('preHandler', (request: HubRequest, _reply, done) => {
    checks.beforeHandler(request);
    done();
  });
}

/** The route of OPTIONS is CORS's own, which the filter of errors does not reach. @returns `undefined` for a preflight */
async function refusalOfOptions(
  request: HubRequest,
  reply: HubReply,
  checks: RequestChecks,
): Promise<HubError | undefined> {
  try {
    await checks.countStranger(request);
    return isPreflight(request) ? undefined : refuseMethod(request, reply);
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
}

/** What a browser asks before it sends a request to another origin (Fetch, *CORS-preflight request*). */
function isPreflight({ headers }: HubRequest): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** The router takes an empty segment for a parameter, as in `/integrations/`; no thing has an empty name. What stands behind `*` may be empty. */
function hasEmptySegment({ params }: HubRequest): boolean {
  return Object.entries((params ?? {}) as Record<string, string>).some(([name, value]) => name !== '*' && value === '');
}

/** A path that a route spells out, met with a method that only a route with a parameter in its place takes. */
function isMistaken(request: HubRequest): boolean {
  const path = pathOf(request);
  return !request.is404 && specOf(request)?.path !== path && SPELLED.has(path);
}

/** The paths of routes without parameters. */
const SPELLED: ReadonlySet<string> = new Set(ALL_ROUTES.map(({ path }) => path).filter((path) => !/[:*]/.test(path)));

function pathOf({ url }: Pick<HubRequest, 'url'>): string {
  return url.split('?')[0] ?? '';
}

function methodsOf({ url }: HubRequest): string[] {
  return allowedMethods(ALL_ROUTES, pathOf({ url }));
}

/** @throws HubError 405, or 404 where the path takes no method at all */
function refuseMethod(request: HubRequest, reply: HubReply): never {
  const methods = methodsOf(request);
  if (methods.length === 0) throw new HubError('not_found', 'No route has this path.');
  void reply.header('allow', methods.join(', '));
  throw new HubError('invalid_request', `This path takes ${methods.join(', ')}, not ${request.method}.`, {
    status: 405,
  });
}
