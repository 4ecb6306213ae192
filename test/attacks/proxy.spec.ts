import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { ANYONES } from '../support/accounts';
import type { Caller } from '../support/caller';
import { HttpStandIn } from '../support/http-stand-in';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH, type OAuthName } from './support/attack-stand';

/** Attacks 45 and 46 of the catalogue: paths and headers by which the proxy could be led elsewhere, or give something away. */
let hub: Stack;
let stand: AttackStand;
let caller: Caller;
const accounts = { shopify: ANYONES.shopify(), notion: ANYONES.notion(), google_drive: ANYONES.google_drive() };
beforeAll(async () => {
  hub = await Stack.start();
  stand = new AttackStand(hub);
  caller = hub.as();
  for (const provider of OAUTH) {
    await hub.connect(caller, accounts[provider].order, accounts[provider].choices);
    await hub.event(caller, 'sync.completed', { provider });
  }
  // from now on nobody calls a provider or changes a row but who is told to
  for (const worker of ['refresh-worker', 'metadata-sync-worker'] as const) await hub.process(worker).stop();
});
afterAll(() => hub.stop());

const ECHO: Readonly<Record<OAuthName, string>> = {
  shopify: '/sandbox/echo',
  notion: '/v1/sandbox/echo',
  google_drive: '/drive/sandbox/echo',
};

function through(provider: OAuthName, rest = ECHO[provider]): string {
  return `/functions/v1/integrations/${provider}/proxy${rest}`;
}

/** What arrived at the provider. */
interface EchoBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the provider was called for with the account's token, by whomever. */
async function callsOf(provider: OAuthName): Promise<(string | undefined)[]> {
  const log = await hub.sandbox.log({ provider, account: accounts[provider].name, calls: true });
  return log.filter(({ kind }) => kind === 'call').map(({ route }) => route);
}

/** Writes a request as it stands. @returns the whole answer, head and body */
async function written(lines: readonly string[], body = ''): Promise<string> {
  const url = new URL(hub.base);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.once('error', reject).once('close', () => resolve(text));
    socket.write(`${[...lines, 'connection: close', '', ''].join('\r\n')}${body}`);
  });
}

describe.each(OAUTH)('a path behind %s', (provider) => {
  it.each([
    '/..',
    '/../token',
    '/v1/../../../x',
    '/v1/./users',
    '/%2e%2e/token',
    '/.%2E/x',
    '/%252e%252e/x',
    '/v1%2fusers',
    '/v1%5c..%5cx',
    '/v1\\..\\x',
    '/\\evil.example',
    '//evil.example/v1',
    '///evil.example/v1',
    '/https://evil.example/v1',
    '/http:evil.example',
    '/@evil.example/v1',
    '/user:pass@evil.example/v1',
    '/v1/users%00',
    '/v1%0d%0ahost:evil.example',
    '/v1/users%09x',
    '/v1/..;/x',
    '/v1/..;a=b/..;/x',
    '/%5cevil.example/v1',
    '/%25252e%25252e/x',
    '/169.254.169.254:80/latest',
    '/localhost%3a22/',
    '/%25%32%65%25%32%65/token',
    '/%25%32%66',
    '/..%3b/x',
    '/..%3f',
    '/%25c0%25ae/token',
    '/user%2540evil.example/',
    '/v1/users?a=b#c',
  ])('%s is 422, and nobody is called', async (rest) => {
    const [calls, seq] = [await callsOf(provider), await hub.lastSeq(caller)];
    // by hand: every client that parses an address mends such paths before they leave
    let answer = '';
    const changed = await stand.changedBy(async () => {
      answer = await written([
        `GET ${through(provider, rest)} HTTP/1.1`,
        'host: localhost',
        `authorization: ${await caller.authorization()}`,
      ]);
    });
    expect(changed).toEqual([]);
    expect(answer).toMatch(/^HTTP\/1.1 422 /);
    expect(answer).toContain('"code":"invalid_request"');
    expect(answer.toLowerCase()).not.toContain('hub-answer');
    await hub.event(caller, 'proxy.rejected', { after: seq, provider });
    expect(await callsOf(provider)).toEqual(calls);
  });

  it('that is an absolute URL is no route', async () => {
    const authorization = await caller.authorization();
    const answer = await written([
      `GET http://evil.example${through(provider)} HTTP/1.1`,
      'host: evil.example',
      `authorization: ${authorization}`,
    ]);
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /);
  });

  it('of another org’s connection leads nowhere', async () => {
    const calls = await callsOf(provider);
    const answer = await hub.as().get<{ code: string }>(through(provider));
    expect([answer.status, answer.body.code]).toEqual([404, 'not_connected']);
    expect(await callsOf(provider)).toEqual(calls);
  });
});

describe.each(OAUTH)('headers of the caller to %s', (provider) => {
  const echo = through(provider);

  it('that prove, address or frame are not passed on', async () => {
    const authorization = await caller.authorization();
    const answer = await stand.raw('GET', echo, {
      authorization,
      host: 'evil.example',
      cookie: 'hub_session=stolen',
      connection: 'close, x-secret-hop',
      'x-secret-hop': 'here',
      'proxy-authorization': 'Basic eDp5',
      te: 'trailers',
      forwarded: 'for=1.2.3.4;host=evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-for': '10.9.8.7',
      'x-http-method-override': 'DELETE',
      'x-auth-request-access-token': 'proof',
      'x-goog-iap-jwt-assertion': 'proof',
      origin: 'https://evil.example',
      'x-own': 'kept',
    });
    expect(answer.status).toBe(200);
    const { headers, method } = JSON.parse(answer.text) as { headers: Record<string, string>; method: string };
    expect(method).toBe('GET');
    expect(headers['host']).toBe(new URL(hub.sandbox.base).host);
    expect(headers['x-own']).toBe('kept');
    expect(headers['authorization']).not.toBe(authorization);
    const others = [
      'cookie',
      'x-secret-hop',
      'proxy-authorization',
      'te',
      'forwarded',
      'origin',
      'x-http-method-override',
      'x-auth-request-access-token',
      'x-goog-iap-jwt-assertion',
    ];
    for (const name of [...others, 'x-forwarded-host', 'x-forwarded-for']) expect(headers).not.toHaveProperty([name]);
  });

  it.each([
    ['a length and chunks at once', ['content-length: 4', 'transfer-encoding: chunked']],
    ['chunks and a length at once', ['transfer-encoding: chunked', 'content-length: 4']],
    ['two lengths', ['content-length: 4', 'content-length: 5']],
    ['two lengths in one', ['content-length: 4, 5']],
    ['a length with a sign', ['content-length: +4']],
    ['a length that is none', ['content-length: 0x4']],
    ['a length below nothing', ['content-length: -1']],
    ['chunks that are not the last', ['transfer-encoding: chunked, identity']],
    ['chunks that are none', ['transfer-encoding: xchunked']],
    ['chunks by a name with a space', ['transfer-encoding : chunked']],
    ['a header that goes on in the next line', ['x-own: a', ' transfer-encoding: chunked']],
    ['a line feed alone', ['x-own: a\ntransfer-encoding: chunked']],
    ['a nought in a value', ['x-own: a\0b']],
    ['two hosts', ['host: evil.example']],
  ])('that say %s are refused, and nobody is called', async (_what, lines) => {
    const calls = await callsOf(provider);
    const authorization = await caller.authorization();
    const smuggled = `GET ${through(provider, '/v1/users')} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n\r\n`;
    let answer = '';
    const changed = await stand.changedBy(async () => {
      answer = await written(
        [`POST ${echo} HTTP/1.1`, 'host: localhost', `authorization: ${authorization}`, ...lines],
        `0\r\n\r\n${smuggled}`,
      );
    });
    expect(changed).toEqual([]);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"code":"invalid_request"');
    expect(answer.split('HTTP/1.1 ')).toHaveLength(2); // one answer, and not a second one to what was hidden
    expect(await callsOf(provider)).toEqual(calls);
  });

  it('whose body looks like a request send a body', async () => {
    const calls = await callsOf(provider);
    const raw = `0\r\n\r\nDELETE /v1/users HTTP/1.1\r\nhost: evil.example\r\n\r\n`;
    const authorization = await caller.authorization();
    const framings: readonly Record<string, string>[] = [
      { 'content-length': String(raw.length) },
      { 'transfer-encoding': 'chunked' },
    ];
    for (const framing of framings) {
      const headers = { authorization, 'content-type': 'text/plain', ...framing };
      const answer = await stand.raw('POST', echo, headers, raw);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([200, expect.objectContaining({ body: raw })]);
    }
    expect(await callsOf(provider)).toHaveLength(calls.length + 2);
  });

  it.each([
    ['GET', 'websocket'],
    ['POST', 'websocket'],
    ['POST', 'h2c'],
  ])('that ask by %s to go on as %s are served as if they had not', async (method, upgrade) => {
    const answer = await written(
      [
        `${method} ${echo} HTTP/1.1`,
        'host: localhost',
        `authorization: ${await caller.authorization()}`,
        `upgrade: ${upgrade}`,
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
        'connection: upgrade, http2-settings',
        'http2-settings: AAMAAABkAAQAAP__',
        ...(method === 'POST' ? ['content-length: 2'] : []),
      ],
      method === 'POST' ? 'hi' : '',
    );
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    const { headers, body } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as EchoBody;
    expect(body).toBe(method === 'POST' ? 'hi' : '');
    for (const name of ['upgrade', 'http2-settings', 'sec-websocket-key']) expect(headers).not.toHaveProperty([name]);
  });

  it('with the console’s cookie alone open nothing', async () => {
    const answer = await stand.raw('GET', echo, { cookie: 'hub_session=x; __Host-hub_session=x' });
    expect(answer.status).toBe(401);
  });
});

describe('a hostile provider', () => {
  const at = (rest: string) => through('notion', rest);

  let redirectsTo = '';
  const arrived: string[] = [];
  const provider = new HttpStandIn(({ path }, response) => {
    arrived.push(path);
    response.writeHead(path === '/v1/moved' ? 302 : 200, {
      'content-type': 'text/plain',
      'set-cookie': 'hub_session=planted',
      'access-control-allow-origin': '*',
      'clear-site-data': '"*"',
      'hub-answer': 'forged',
      ...(path === '/v1/moved' && { location: redirectsTo }),
    });
    response.end('hello');
  });
  beforeAll(async () => {
    await provider.start();
    const file = hub.environment['PROVIDER_ENDPOINTS_FILE'] ?? '';
    const endpoints = JSON.parse(await readFile(file, 'utf8')) as Record<string, object>;
    const notion = { ...endpoints['notion'], apiBaseUrl: provider.url };
    await writeFile(`${file}.hostile`, JSON.stringify({ ...endpoints, notion }));
    await hub.restart('gateway', { PROVIDER_ENDPOINTS_FILE: `${file}.hostile` });
  });
  afterAll(() => provider.stop());

  it('plants no cookie and opens nothing to pages', async () => {
    const { status, headers, text } = await caller.get(at('/v1/planted'));
    expect([status, text, headers.get('hub-answer')]).toEqual([200, 'hello', 'provider']);
    for (const name of ['set-cookie', 'access-control-allow-origin', 'clear-site-data'])
      expect(headers.get(name)).toBeNull();
  });

  it('leads nobody elsewhere, neither the hub nor the caller', async () => {
    redirectsTo = `${hub.sandbox.base}/admin/ready`;
    const { status, headers } = await caller.get(at('/v1/moved'));
    expect([status, headers.get('location'), headers.get('hub-answer')]).toEqual([302, null, 'provider']);
    redirectsTo = '/v1/planted?a=b';
    const within = await caller.get(at('/v1/moved'));
    expect([within.status, within.headers.get('location')]).toEqual([302, at('/v1/planted?a=b')]);
    expect(arrived.filter((path) => path.includes('a=b'))).toEqual([]);
  });

  it('that has gone is told as such: nothing was sent', async () => {
    await provider.stop();
    const nobody = caller.with({ sub: 'nobody', scopes: ['tokens:read'] });
    const answer = await nobody.request<{ code: string; sent: boolean }>('POST', at('/v1/x'), { raw: '{}' });
    expect([answer.status, answer.body.code, answer.body.sent]).toEqual([503, 'provider_unavailable', false]);
    expect(answer.headers.get('hub-answer')).toBeNull();
    await hub.restart('gateway'); // what is gathered is written at the latest now
    const reads = (await hub.trail(caller)).filter(({ name }) => name === 'token.read');
    expect(reads.filter(({ detail }) => detail['via'] === 'proxy')).not.toEqual([]);
    expect(reads.filter(({ actor }) => actor.id === 'nobody')).toEqual([]);
  });
});
