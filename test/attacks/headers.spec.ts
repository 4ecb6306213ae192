import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Stack } from '../support/stack';

/** Attack 30 of the catalogue and what else browsers are told: on every route, whatever it answers. */
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'], env: { PUBLIC_URL: 'https://hub.example' } });
});
afterAll(() => hub.stop());

function expectGuarded(headers: Headers): void {
  expect(Object.fromEntries(headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('geolocation=()'),
    'strict-transport-security': 'max-age=31536000',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
}

it('every route of the document answers with them, to a stranger and to a caller', async () => {
  const routes = Object.entries(hub.conformity.document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => ({ method: method.toUpperCase(), path })),
  );
  expect(routes.length).toBeGreaterThanOrEqual(20);
  const caller = hub.as();
  for (const { method, path } of routes) {
    const real = path
      .replace('{provider}', 'notion')
      .replace('{id}', randomUUID())
      .replace('{asset}', 'start.js')
      .replace('{page}', 'x');
    for (const authorization of ['', await caller.authorization()]) {
      const answer = await fetch(hub.base + real, { method, redirect: 'manual', headers: { authorization } });
      await answer.body?.cancel();
      expectGuarded(answer.headers);
    }
  }
});

it.each(['/no/such/path', '/functions/v1/integrations/notion/no', '/functions/v1/integrations/%E0%A4%A', '/'])(
  'so does %s',
  async (path) => {
    const answer = await fetch(hub.base + path, { redirect: 'manual' });
    await answer.body?.cancel();
    expectGuarded(answer.headers);
  },
);

describe('what is answered before any route', () => {
  const PREFLIGHT = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  const ROUTE = '/functions/v1/integrations';

  it('is guarded: a preflight', async () => {
    const answer = await fetch(hub.base + ROUTE, { method: 'OPTIONS', headers: PREFLIGHT });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, PREFLIGHT.origin]);
    expectGuarded(answer.headers);
  });

  it.each([
    ['an OPTIONS that is no preflight', 'OPTIONS', ROUTE, 405, 'invalid_request'],
    ['such an OPTIONS of no route', 'OPTIONS', '/no/such/path', 404, 'not_found'],
    ['another method', 'PUT', ROUTE, 405, 'invalid_request'],
  ])('is guarded and told as a problem: %s', async (_what, method, path, status, code) => {
    const answer = await fetch(hub.base + path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ code, status });
    expect(answer.headers.get('allow')).toBe(status === 405 ? 'GET' : null);
    expectGuarded(answer.headers);
  });

  it('a refusal may be read by a page of an allowed origin', async () => {
    const answer = await fetch(hub.base + ROUTE, { method: 'PUT', headers: { origin: PREFLIGHT.origin } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([405, PREFLIGHT.origin]);
  });
});

it('an origin that is not allowed is told of no permission', async () => {
  const answer = await fetch(`${hub.base}/functions/v1/integrations`, {
    method: 'OPTIONS',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'GET' },
  });
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
});

/** Sends bytes as they are. @returns all that comes back until the end */
async function sent(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(hub.base).port), '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
  socket.end(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('what is no request that could be read', () => {
  it.each([
    ['nonsense', 'hello\r\n\r\n', 400],
    ['a broken header', 'GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc', 400],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['headers of 17 KiB', `GET / HTTP/1.1\r\nhost: x\r\ncookie: ${'a'.repeat(17 * 1024)}\r\n\r\n`, 431],
  ])('%s is answered with a problem, and the connection ends', async (_what, bytes, status) => {
    const answer = await sent(bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const headers = new Headers(
      head
        .split('\r\n')
        .slice(1)
        .map((line): [string, string] => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon), line.slice(colon + 1).trim()];
        }),
    );
    expectGuarded(headers);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ code: 'invalid_request', status });
    expect(headers.get('connection')).toBe('close');
  });

  it('a URL of 13 KiB is too long', async () => {
    const answer = await fetch(`${hub.base}/functions/v1/integrations-callback/notion?code=${'a'.repeat(13 * 1024)}`);
    expect(answer.status).toBe(414);
    expectGuarded(answer.headers);
  });
});
