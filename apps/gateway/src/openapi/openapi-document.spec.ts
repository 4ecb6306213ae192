import { z } from 'zod';
import { defineRoute, type RouteSpec } from '../http/route';
import { openApiDocument, type Json } from './openapi-document';

const thing = z.strictObject({ id: z.string() }).meta({ id: 'Thing' });

const readThing = defineRoute({
  method: 'GET',
  path: '/things/:provider',
  summary: 'One thing',
  scope: 'integrations:read',
  kind: 'api',
  query: z.strictObject({ depth: z.string().optional().meta({ description: 'how deep' }) }),
  answers: { 200: { description: 'The thing.', schema: thing } },
  problems: ['not_connected'],
});
const makeThing = defineRoute({
  method: 'POST',
  path: '/things',
  summary: 'Makes things',
  scope: 'integrations:write',
  kind: 'api',
  body: z.strictObject({ name: z.string() }),
  answers: { 200: { description: 'All things.', schema: z.strictObject({ things: z.array(thing) }) } },
});
const page = defineRoute({
  method: 'POST',
  path: '/pages/:provider',
  summary: 'A page',
  scope: null,
  kind: 'page',
  answers: { 200: { description: 'A page.' }, 404: { description: 'No page.' } },
});

/** The document, or what stands at a place in it. */
function at(routes: readonly RouteSpec[], ...place: string[]): unknown {
  return place.reduce<unknown>((part, key) => (part as Json)[key], openApiDocument(routes, 'https://hub.example'));
}

describe('the OpenAPI document', () => {
  it('tells where the hub is, and how callers prove who they are', () => {
    expect(at([], 'openapi')).toBe('3.1.0');
    expect(at([], 'servers')).toEqual([{ url: 'https://hub.example' }]);
    expect(at([], 'components', 'securitySchemes')).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      session: { type: 'apiKey', in: 'cookie', name: '__Host-hub_session' },
      csrf: { type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
    });
  });

  it('has an operation for each route, its parameters in braces', () => {
    expect(at([readThing], 'paths', '/things/{provider}', 'get')).toMatchObject({
      operationId: 'getThingsProvider',
      summary: 'One thing',
      security: [{ bearer: [] }, { session: [] }],
      description: 'Needs the scope `integrations:read`.',
      parameters: [
        { name: 'provider', in: 'path', required: true },
        { name: 'depth', in: 'query', required: false, description: 'how deep' },
      ],
    });
  });

  it('asks of a session a proof as well where something is changed, and of no route more than it takes', () => {
    const securityOf = (route: RouteSpec) => at([route], 'paths', '/things', 'post', 'security');
    expect(securityOf(makeThing)).toEqual([{ bearer: [] }, { session: [], csrf: [] }]);
    expect(securityOf({ ...makeThing, caller: 'bearer' })).toEqual([{ bearer: [] }]);
    expect(securityOf({ ...makeThing, scope: null, caller: 'session' })).toEqual([{ session: [], csrf: [] }]);
    expect(securityOf({ ...makeThing, scope: null })).toBeUndefined();
    const responses = at([{ ...makeThing, scope: null, caller: 'session' }], 'paths', '/things', 'post', 'responses');
    expect(Object.keys(responses as Json)).toEqual(expect.arrayContaining(['401', '403']));
  });

  it('keeps several methods of one path together', () => {
    const other = defineRoute({ ...makeThing, method: 'DELETE', body: undefined as never });
    expect(Object.keys(at([makeThing, other], 'paths', '/things') as object)).toEqual(['post', 'delete']);
  });

  it('tells a schema with a name once, and refers to it from everywhere', () => {
    const routes = [readThing, makeThing];
    expect(at(routes, 'components', 'schemas', 'Thing')).toMatchObject({ type: 'object', required: ['id'] });
    const reference = { $ref: '#/components/schemas/Thing' };
    const answer = (path: string, method: string) =>
      at(routes, 'paths', path, method, 'responses', '200', 'content', 'application/json', 'schema');
    expect(answer('/things/{provider}', 'get')).toEqual(reference);
    expect(answer('/things', 'post')).toMatchObject({ properties: { things: { items: reference } } });
    expect(JSON.stringify(openApiDocument(routes, 'https://hub.example'))).not.toContain('$defs');
  });

  it('names the problems that every route of its kind has, and its own', () => {
    const responses = at([readThing], 'paths', '/things/{provider}', 'get', 'responses') as Json;
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '403', '404', '422', '429', '500', '503']);
    expect((responses['404'] as Json)['description']).toBe(
      '`unknown_provider`: Unknown provider; `not_connected`: Not connected',
    );
    expect((responses['401'] as Json)['content']).toEqual({
      'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
    });
  });

  it('tells what a body may be refused for, where one can be sent', () => {
    expect(at([makeThing], 'paths', '/things', 'post', 'requestBody')).toMatchObject({
      required: true,
      content: { 'application/json': { schema: { additionalProperties: false, required: ['name'] } } },
    });
    const statuses = Object.keys(at([makeThing], 'paths', '/things', 'post', 'responses') as Json);
    expect(statuses).toEqual(expect.arrayContaining(['400', '413', '415', '422']));
  });

  it('tells of a WebSocket what follows the upgrade', () => {
    const message = z.strictObject({ seq: z.int(), thing }).meta({ id: 'Message' });
    const follow = defineRoute({
      method: 'GET',
      path: '/live',
      summary: 'News',
      scope: 'integrations:read',
      kind: 'api',
      socket: { protocol: 'things.v1', messages: message, closes: { 4000: 'enough' } },
      answers: { 101: { description: 'It is open.' } },
    });
    const operation = at([follow], 'paths', '/live', 'get') as Json;
    expect(operation['x-websocket']).toEqual({
      subprotocol: 'things.v1',
      messages: { $ref: '#/components/schemas/Message' },
      closes: { 4000: 'enough' },
    });
    expect(operation['description']).toMatch(/^Needs the scope `integrations:read`\. Speaks WebSocket .*`things\.v1`/);
    expect(Object.keys(operation['responses'] as Json)).toEqual(expect.arrayContaining(['101', '403', '422', '426']));
    expect(Object.keys(at([follow], 'components', 'schemas') as Json)).toEqual(['Problem', 'Message', 'Thing']);
    expect(JSON.stringify(operation)).not.toContain('$defs');
  });

  it('answers people with pages, and keeps what a route says of itself', () => {
    const responses = at([page], 'paths', '/pages/{provider}', 'post', 'responses') as Json;
    expect(Object.keys(responses)).toEqual(['200', '404', '413', '415', '429', '500', '503']);
    expect(responses['404']).toEqual({ description: 'No page.' });
    expect(JSON.stringify(responses)).not.toContain('problem+json');
  });
});
