import { PROBLEMS, type ProblemCode } from '@hub/domain';
import { z } from 'zod';
import type { RouteSpec } from '../http/route';

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
    const path = route.path.replace(/:(\w+)/g, '{$1}');
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
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: PROBLEM_SCHEMA },
    },
  };
}

function operation(route: RouteSpec): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.scope !== null && { security: [{ bearer: [] }], description: `Needs the scope \`${route.scope}\`.` }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body && {
      requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(route.body, 'input') } } },
    }),
    responses: { ...answers(route), ...problems(route) },
  };
}

function operationId({ method, path }: RouteSpec): string {
  return `${method.toLowerCase()}${path
    .split(/[/:_.-]+/)
    .filter(Boolean)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')}`;
}

function pathParameters({ path }: RouteSpec): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
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
  if (route.kind === 'page') return {};
  const usual: ProblemCode[] = [
    ...(route.scope === null ? [] : (['unauthorized', 'forbidden'] as const)),
    ...(route.path.includes(':provider') ? (['unknown_provider'] as const) : []),
    ...(route.body || route.query || route.scope !== null ? (['invalid_request'] as const) : []),
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
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function invalidRequestStatuses(route: RouteSpec): number[] {
  return route.body ? [400, 413, 415, 422] : [400, 422];
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const {
    $schema: _dialect,
    id: _id,
    ...rest
  } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) as Record<string, unknown>;
  return rest;
}
