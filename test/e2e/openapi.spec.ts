import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ANYONES } from '../support/accounts';
import type { Caller } from '../support/caller';
import { formOn } from '../support/page-form';
import type { Person } from '../support/person';
import { Stack } from '../support/stack';

/** The document that the gateway serves: a good OpenAPI 3.1 document, and true. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start();
});
afterAll(() => hub.stop());

interface Operation {
  operationId: string;
  summary: string;
  security?: Record<string, string[]>[];
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: object }> }>;
}

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(hub.conformity.document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as Operation })),
  );
}

describe('the document', () => {
  it('is OpenAPI 3.1, with every part that the specification demands', async () => {
    const answer = await fetch(`${hub.base}/openapi.json`);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const document = (await answer.json()) as Record<string, Record<string, unknown>>;
    expect(document['openapi']).toMatch(/^3\.1\.\d$/);
    expect(document['info']).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(document['servers']).toEqual([{ url: hub.publicUrl }]);
    const schemes = Object.keys(document['components']?.['securitySchemes'] ?? {});
    expect(operations().length).toBeGreaterThan(15);
    for (const { path, method, operation } of operations()) {
      expect(path).toMatch(/^\//);
      expect(path).not.toContain(':');
      expect(['get', 'head', 'post', 'put', 'patch', 'delete']).toContain(method);
      expect(operation.summary).not.toBe('');
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      for (const [status, { description }] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([1-5]\d\d|default)$/);
        expect(description).not.toBe('');
      }
      for (const requirement of operation.security ?? [])
        for (const scheme of Object.keys(requirement)) expect(schemes).toContain(scheme);
    }
  });

  it('gives every operation a name of its own, and every path parameter its place', () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { path, operation } of operations()) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
      const places = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect(new Set(places).size).toBe(places.length);
    }
  });

  it('refers to nothing that is not there, and every schema of it can be read', () => {
    const text = JSON.stringify(hub.conformity.document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '');
    expect(references.length).toBeGreaterThan(0);
    expect(text.match(/"\$ref":/g)).toHaveLength(references.length);
    expect(Object.keys(hub.conformity.document.components.schemas)).toEqual(
      expect.arrayContaining([...new Set(references)]),
    );
    const schemas = operations().flatMap(({ operation }) => [
      ...operation.parameters.map(({ schema }) => schema),
      ...Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema),
      ...Object.values(operation.responses).flatMap(({ content = {} }) =>
        Object.values(content).flatMap(({ schema }) => (schema ? [schema] : [])),
      ),
    ]);
    expect(schemas.length).toBeGreaterThan(20);
    for (const schema of schemas) expect(() => z.fromJSONSchema(hub.conformity.alone(schema))).not.toThrow();
  });

  it('tells callers of the problems of each route, as problem documents', () => {
    for (const { operation } of operations().filter(({ operation }) => operation.security !== undefined))
      for (const status of ['401', '403', '422', '500'])
        expect(operation.responses[status]?.content).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          ...(operation.responses['default'] && { '*/*': {} }), // a provider's own, where it is passed on
        });
  });
});

describe('every operation of the document', () => {
  it('answers, and as the document says', async () => {
    const caller = hub.as();
    const person = hub.person();
    await callEverything(caller);
    await visitEverything(person);
    const met = new Set([...hub.conformity.met].map((place) => place.split(' ').slice(0, 2).join(' ')));
    const documented = operations().map(({ method, path }) => `${method} ${path}`);
    expect(documented.filter((operation) => !met.has(operation))).toEqual([]);
  });

  /** The API: what a caller receives is held against the document by the caller itself. */
  async function callEverything(caller: Caller): Promise<void> {
    for (const make of Object.values(ANYONES)) {
      const account = make();
      const { provider } = account;
      await hub.connect(caller, account.order, account.choices);
      await hub.event(caller, 'sync.completed', { provider });
      for (const act of [caller.read(provider), caller.list(), caller.token(provider)]) await act;
      for (const act of [caller.refresh(provider), caller.sync(provider)]) expect((await act).status).toBe(200);
      await caller.audit(`?provider=${provider}`);
    }
    expect((await caller.deadLetters()).status).toBe(200);
    expect((await caller.replayAll()).status).toBe(202);
    for (const provider of Object.keys(ANYONES)) expect((await caller.disconnect(provider)).status).toBe(204);
    for (const path of ['/openapi.json', '/functions/v1/integrations-catalog', '/health/live', '/health/ready'])
      await caller.get(path);
    // and each of them as strangers and blunderers meet it
    for (const { method, path } of operations().filter(({ operation }) => operation.security !== undefined)) {
      const letter = path.replace('{id}', `refresh-${randomUUID()}`);
      for (const filled of [letter.replace('{provider}', 'notion'), path.replace('{provider}', 'nobody')]) {
        await caller.request(method.toUpperCase(), filled, { headers: { authorization: '' } });
        await caller.with({ scopes: [] }).request(method.toUpperCase(), filled);
        await caller.request(method.toUpperCase(), `${filled}?surprise=1`);
        if (method === 'get' || method === 'head') continue;
        await caller.request(method.toUpperCase(), filled, { raw: '{' });
        await caller.request(method.toUpperCase(), filled, { raw: 'x', headers: { 'content-type': 'text/plain' } });
        await caller.request(method.toUpperCase(), filled, { raw: JSON.stringify('x'.repeat(70_000)) });
      }
    }
  }

  /** The pages. */
  async function visitEverything(person: Person): Promise<void> {
    const input = await person.starts(hub.as(), { provider: 'shopify' });
    await told('GET', input, await person.get(input));
    await told('POST', input, await person.post(input, [['shop', 'not a shop']]));
    await told('POST', input, await person.post(input, [['shop', ANYONES.shopify().name]]));
    await told('POST', input, await person.post(input, [['shop', ANYONES.shopify().name]]));

    const account = ANYONES.notion();
    const callback = await person.consents(await person.starts(hub.as(), account.order), account.choices);
    const stranger = hub.person();
    const sent = await stranger.get(callback);
    await told('GET', callback, sent);
    await told('GET', callback, await person.get(callback));
    const confirm = sent.headers.get('location') ?? '';
    const shown = await stranger.get(confirm);
    const csrf = formOn(await shown.clone().text())?.fields ?? [];
    await told('GET', confirm, shown);
    await told('POST', confirm, await stranger.post(confirm, [['csrf', 'x']]));
    await told('POST', confirm, await stranger.post(confirm, csrf));
    await told('POST', confirm, await stranger.post(confirm, csrf));

    const link = (await hub.as().consoleLink()).body.url;
    for (const _ of ['once', 'again']) await told('GET', link, await person.get(link));

    const nobody = `${hub.publicUrl}/functions/v1/integrations-callback/nobody`;
    await told('GET', nobody, await person.get(nobody));
    for (const path of [
      '/',
      '/integrations',
      '/integrations?success=notion',
      '/docs',
      '/docs/start.js',
      '/docs/nothing',
      '/integrations/assets/nothing',
      ...(await consoleAssets()),
    ])
      await told('GET', hub.publicUrl + path, await person.get(hub.publicUrl + path));
  }

  async function consoleAssets(): Promise<string[]> {
    const html = await (await fetch(`${hub.base}/integrations`)).text();
    return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
  }

  async function told(method: string, url: string, answer: Response): Promise<void> {
    const type = answer.headers.get('content-type') ?? '';
    const held = { status: answer.status, type, text: await answer.text() };
    expect(hub.conformity.complaint(method, new URL(url).pathname, held)).toBeUndefined();
  }
});

describe('the page of the document', () => {
  it('loads with all that it needs, from here alone', async () => {
    const page = await fetch(`${hub.base}/docs`);
    const html = await page.text();
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
    expect(assets.length).toBe(3);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=/);
    for (const address of assets) {
      expect(address).toMatch(/^\/docs\//);
      const asset = await fetch(hub.base + address);
      const content = await asset.text();
      expect([address, asset.status]).toEqual([address, 200]);
      expect(asset.headers.get('content-type')).toMatch(address.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
      expect(content.length).toBeGreaterThan(50);
      if (address.endsWith('start.js')) expect(content).toContain("'/openapi.json'");
    }
  });

  it('has no other files of this machine behind it', async () => {
    for (const path of ['/docs/package.json', '/docs/..%2fpackage.json', '/docs/index.html', '/docs/swagger-ui.js'])
      expect((await fetch(hub.base + path)).status).toBe(404);
  });
});
