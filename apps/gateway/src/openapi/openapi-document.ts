import { PROBLEMS, type CallerScope, type ProblemCode } from '@hub/domain';
import { z } from 'zod';
import { sessionCookieName } from '../console-session/session-cookie';
import type { RouteSpec, SocketSpec } from '../http/route';

/** A part of an OpenAPI document. */
export type Json = { readonly [key: string]: unknown };

const PROBLEM_SCHEMA: Json = {
  type: 'object',
  description: 'RFC 9457 problem document.',
  required: ['type', 'title', 'status', 'code', 'detail', 'instance'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    detail: { type: 'string' },
    fix: { type: 'string', description: 'What the person can do about it.' },
    provider: { type: 'string', description: 'Where a provider is what failed.' },
    failure: {
      type: ['object', 'null'],
      description: 'What stands against the integration, as in Integration.failure.',
      properties: {
        code: { type: ['string', 'null'] },
        at: { type: 'string', format: 'date-time' },
        attempts: { type: 'integer' },
      },
    },
    instance: {
      type: 'string',
      description: 'Names this occurrence; the same UUID is in the header x-request-id and in the log.',
    },
  },
};

/** The OpenAPI 3.1 document of these routes. @param publicUrl where callers reach them */
export function openApiDocument(routes: readonly RouteSpec[], publicUrl: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{path}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Integrations Hub',
      version: '1',
      description:
        "Connects customers' third-party accounts, keeps their tokens fresh and sealed, and hands out a valid token on demand.",
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: sessionCookieName(publicUrl),
          description: "The page's own cookie; it is taken where no Authorization is there, from the hub's own origin.",
        },
        csrf: {
          type: 'apiKey',
          in: 'header',
          name: 'X-CSRF-Token',
          description: 'csrfToken of GET /functions/v1/integrations-session.',
        },
      },
      schemas: { Problem: PROBLEM_SCHEMA, ...namedSchemas(routes) },
    },
  };
}

function operation(route: RouteSpec): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(isForCallers(route) && { security: security(route) }),
    ...(route.scope !== null && { description: description(route, route.scope) }),
    ...(route.socket && { 'x-websocket': socketPart(route.socket) }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.relays && isWithBody(route) && { requestBody: { content: { '*/*': {} } } }),
    ...(route.body && {
      requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(route.body, 'input') } } },
    }),
    responses: { ...answers(route), ...problems(route), ...(route.relays && { default: RELAYED }) },
  };
}

/** What a route that relays answers beside its own problems. */
const RELAYED: Json = {
  description:
    'Any status: the answer of the provider, with the header `hub-answer: provider`. Problems of the hub itself, whatever their status, have no such header.',
  headers: {
    'hub-answer': {
      description:
        '`provider`; `provider; replayed` after a 401 that a refresh has mended; `provider; not-replayed=<reason>` with a 401 that was not tried again: `body_too_large`, `no_newer_token`, `refreshed_lately`, `account_changed`, `account_unknown`.',
      schema: { type: 'string' },
    },
  },
};

function isWithBody({ method }: RouteSpec): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function isForCallers({ scope, caller }: RouteSpec): boolean {
  return scope !== null || caller === 'session';
}

/** Any of these: a bearer token, or a browser's session, with a proof where something is changed. */
function security({ method, caller }: RouteSpec): Json[] {
  const session = method === 'GET' ? { session: [] } : { session: [], csrf: [] };
  if (caller === 'session') return [session];
  return caller === 'bearer' ? [{ bearer: [] }] : [{ bearer: [] }, session];
}

function description({ socket }: RouteSpec, scope: CallerScope): string {
  const needs = `Needs the scope \`${scope}\`.`;
  if (!socket) return needs;
  return [
    `${needs} Speaks WebSocket (RFC 6455): a GET with \`Upgrade: websocket\`, refused by an HTTP answer like every other.`,
    `Pages, which can set no header, offer the subprotocols \`${socket.protocol}\` and \`bearer.<JWT>\`; the answer picks \`${socket.protocol}\`.`,
    'A page of another origin than those of the hub and of the allowed return URLs is refused.',
    '`x-websocket` has the messages, and the codes by which the hub closes.',
  ].join(' ');
}

/** OpenAPI has no words for what follows an upgrade, and lets others be added (§4.9, *Specification Extensions*). */
function socketPart({ protocol, messages, closes }: SocketSpec): Json {
  return { subprotocol: protocol, messages: jsonSchema(messages, 'output'), closes };
}

function operationId({ method, path }: RouteSpec): string {
  return `${method.toLowerCase()}${path
    .split(/[/:_.*-]+/)
    .filter(Boolean)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')}`;
}

function pathParameters({ path }: RouteSpec): Json[] {
  return [...path.replace(/\*$/, ':path').matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...(name === 'path' && path.endsWith('*') && { description: 'Any rest of a path, its slashes as they are.' }),
    schema: { type: 'string' },
  }));
}

function queryParameters({ query }: RouteSpec): Json[] {
  if (!query) return [];
  const schema = jsonSchema(query, 'input') as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: schema.required?.includes(name) ?? false,
    ...(typeof property['description'] === 'string' && { description: property['description'] }),
    schema: property,
  }));
}

function answers(route: RouteSpec): Json {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { description, schema }]) => [
      status,
      { description, ...(schema && { content: { 'application/json': { schema: jsonSchema(schema, 'output') } } }) },
    ]),
  );
}

/** Problems of the route itself, and those that every route of its kind may answer with. */
function problems(route: RouteSpec): Json {
  if (route.kind === 'page') return errorPages(route);
  const usual: ProblemCode[] = [
    ...(isForCallers(route) ? (['unauthorized', 'forbidden', 'provider_unavailable'] as const) : []),
    ...(route.path.includes(':provider') ? (['unknown_provider'] as const) : []),
    ...(route.limit === 'off' ? [] : (['rate_limited'] as const)),
    'invalid_request', // a route that takes no parameters and no body refuses them
    'internal',
  ];
  const byStatus: Record<string, ProblemCode[]> = {};
  for (const code of new Set([...usual, ...(route.problems ?? [])])) {
    for (const status of code === 'invalid_request' ? invalidRequestStatuses(route) : [PROBLEMS[code].status])
      byStatus[status] = [...(byStatus[status] ?? []), code];
  }
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, codes]) => [
      status,
      {
        description: [
          ...codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`),
          ...(route.relays ? ['or, with `hub-answer`, the answer of the provider'] : []),
        ].join('; '),
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          ...(route.relays && { '*/*': {} }),
        },
      },
    ]),
  );
}

/** Also where no body is taken, one may be sent. */
function invalidRequestStatuses({ method, socket, relays }: RouteSpec): number[] {
  if (socket) return [400, 422, 426];
  if (relays) return method === 'GET' || method === 'HEAD' ? [400, 422] : [400, 408, 413, 422];
  return method === 'GET' || method === 'HEAD' ? [400, 422] : [400, 413, 415, 422];
}

/** People are answered with a page whatever goes wrong. */
function errorPages({ method, path, answers: usual }: RouteSpec): Json {
  const statuses = [
    ...(path.includes(':provider') ? [404] : []),
    ...(method === 'POST' ? [413, 415] : []),
    429,
    500,
    503,
  ];
  const page = { description: 'A plain page that says what is wrong.' };
  return Object.fromEntries(statuses.filter((status) => !(status in usual)).map((status) => [status, page]));
}

/** Every schema that has a name of its own (zod's `meta({ id })`), to be told once. */
function namedSchemas(routes: readonly RouteSpec[]): Json {
  const schemas = routes.flatMap(({ answers, socket }) => [
    ...Object.values(answers).flatMap(({ schema }) => schema ?? []),
    ...(socket ? [socket.messages] : []),
  ]);
  return Object.assign({}, ...schemas.map((schema) => rawSchema(schema, 'output').$defs)) as Json;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, $defs: _named, ...rest } = rawSchema(schema, io);
  return rest;
}

/** Named schemas are referred to where the document keeps them. */
function rawSchema(schema: z.ZodType, io: 'input' | 'output'): { readonly $defs?: Json } & Json {
  const text = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }));
  return JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}
