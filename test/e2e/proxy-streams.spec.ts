import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import {
  Agent,
  createServer,
  request,
  type ClientRequest,
  type IncomingMessage,
  type RequestListener,
} from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { ANYONES, type Account } from '../support/accounts';
import type { Caller, EventBody } from '../support/caller';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { Stack } from '../support/stack';

/** Calls through the proxy whose bodies are long, slow, broken or left, at a provider that the tests play byte by byte. */
const MIB = 1024 * 1024;
/** What the buffers of two connections and three processes hold together is far less. */
const HELD_AT_MOST = 48 * MIB;
const PLACES = 4;

const provider = createServer((incoming, response) => {
  incoming.on('error', () => undefined);
  const play = plays.get((incoming.url ?? '').split('?')[0] ?? '');
  if (play) play(incoming, response);
  else response.writeHead(404).end();
});
const plays = new Map<string, RequestListener>();
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let hub: Stack;

beforeAll(async () => {
  hub = await Stack.start({ env: { PROXY_CALLS_ORG: String(PLACES) } });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const file = hub.environment['PROVIDER_ENDPOINTS_FILE'] ?? '';
  const endpoints = JSON.parse(await readFile(file, 'utf8')) as Record<string, object>;
  const apiBaseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/base`;
  await writeFile(`${file}.played`, JSON.stringify({ ...endpoints, notion: { ...endpoints['notion'], apiBaseUrl } }));
  // the workers go on with the sandbox
  await hub.restart('gateway', { PROVIDER_ENDPOINTS_FILE: `${file}.played` });
});
afterAll(async () => {
  agent.destroy();
  await hub.stop();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

/** What the provider does with the next calls of a path. @returns the path through the hub */
function played(path: string, play: RequestListener): string {
  plays.set(`/base${path}`, play);
  return `/functions/v1/integrations/notion/proxy${path}`;
}

async function connected(): Promise<{ caller: Caller; account: Account }> {
  const caller = hub.as();
  const account = ANYONES.notion();
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed');
  return { caller, account };
}

async function opened(
  caller: Caller,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ClientRequest> {
  const authorization = await caller.authorization();
  const call = request(hub.base + path, { method, headers: { authorization, ...headers } });
  call.on('error', () => undefined); // told where it is looked for
  return call;
}

async function answerTo(call: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  return answer;
}

/** Once a number does not move any more. */
async function still(number: () => number): Promise<void> {
  for (let last = -1; last !== number(); await sleep(500)) last = number();
}

function readsOf(trail: readonly EventBody[]): number {
  return trail
    .filter(({ name, detail }) => name === 'token.read' && detail['via'] === 'proxy')
    .reduce((sum, { detail }) => sum + Number(detail['count']), 0);
}

describe('a large answer', () => {
  it('is kept nowhere while its caller does not read it, and comes whole', async () => {
    const { caller } = await connected();
    const whole = 96 * MIB;
    let sent = 0;
    const path = played('/v1/large', (_incoming, response) => {
      const chunk = Buffer.alloc(256 * 1024, 'x');
      const more = (): void => {
        while (sent < whole) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const call = await opened(caller, 'GET', path);
    call.end();
    const answer = await answerTo(call);
    await still(() => sent);
    expect(sent).toBeLessThan(HELD_AT_MOST);
    let read = 0;
    for await (const chunk of answer) read += (chunk as Buffer).length;
    expect([answer.complete, read]).toEqual([true, whole]);
  });

  it.each([
    ['of a known length', { 'content-length': '1000' }],
    ['in chunks', {}],
  ])('%s that the provider cuts is cut for its caller too', async (_what, headers) => {
    const { caller } = await connected();
    const path = played('/v1/cut', (incoming, response) => {
      response.writeHead(200, headers).write('half');
      setTimeout(() => incoming.socket.destroy(), 100);
    });
    const call = await opened(caller, 'GET', path);
    call.end();
    const answer = await answerTo(call);
    expect(answer.statusCode).toBe(200);
    await expect(text(answer)).rejects.toThrow('aborted');
    expect(answer.complete).toBe(false);
  });

  it.each([
    ['of a known length', { 'content-length': '1000' }],
    ['in chunks', {}],
    ['of packed bytes', { 'content-encoding': 'gzip', etag: '"1"' }],
  ])('%s that the provider cuts before its first byte is cut, and no problem of the hub', async (_what, headers) => {
    const { caller } = await connected();
    const path = played('/v1/cut', (incoming, response) => {
      response.writeHead(200, headers).flushHeaders();
      setTimeout(() => incoming.socket.destroy(), 100);
    });
    const call = await opened(caller, 'GET', path);
    call.end();
    const answer = await answerTo(call);
    expect([answer.statusCode, answer.headers['hub-answer']]).toEqual([200, 'provider']);
    expect(answer.headers).toMatchObject(headers);
    await expect(text(answer)).rejects.toThrow('aborted');
    const { lines } = hub.process('gateway');
    expect(lines.filter((line) => line.includes('hub.request.failed'))).toEqual([]);
  });

  it('has its head with the caller while no byte of it has come', async () => {
    const { caller } = await connected();
    let goOn = (): void => undefined;
    const path = played('/v1/poll', (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-own': '1' }).flushHeaders();
      goOn = () => void response.end('data: 1\n\n');
    });
    const call = await opened(caller, 'GET', path);
    call.end();
    const answer = await answerTo(call);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-own': '1',
      'hub-answer': 'provider',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    });
    goOn();
    expect(await text(answer)).toBe('data: 1\n\n');
  });

  it('that its caller leaves is ended at the provider', async () => {
    const { caller } = await connected();
    const left = new Promise((resolve) =>
      played('/v1/endless', (_incoming, response) => {
        response.once('close', resolve);
        const drip = setInterval(() => response.write('x'.repeat(1_000)), 20);
        response.once('close', () => clearInterval(drip));
      }),
    );
    const call = await opened(caller, 'GET', '/functions/v1/integrations/notion/proxy/v1/endless');
    call.end();
    const answer = await answerTo(call);
    await once(answer, 'data');
    call.destroy();
    await left;
  });
});

describe('a large body', () => {
  it('is kept nowhere while the provider does not take it, and arrives whole', async () => {
    const { caller } = await connected();
    const whole = 60 * MIB;
    const arrived = new Promise<IncomingMessage>((resolve) => {
      played('/v1/upload', (incoming, response) => {
        resolve(incoming);
        incoming.once('end', () => response.end('taken'));
      });
    });
    const path = '/functions/v1/integrations/notion/proxy/v1/upload';
    const call = await opened(caller, 'PUT', path, { 'content-length': String(whole), 'content-type': 'video/mp4' });
    const answer = answerTo(call);
    let given = 0;
    const more = (): void => {
      const chunk = Buffer.alloc(256 * 1024, 'x');
      while (given < whole) {
        given += chunk.length;
        if (!call.write(chunk)) return void call.once('drain', more);
      }
      call.end();
    };
    more();
    const incoming = await arrived;
    await still(() => given);
    expect(given).toBeLessThan(HELD_AT_MOST);
    let taken = 0;
    incoming.on('data', (chunk: Buffer) => (taken += chunk.length));
    expect([(await answer).statusCode, await text(await answer)]).toEqual([200, 'taken']);
    expect(taken).toBe(whole);
    expect(incoming.headers['content-type']).toBe('video/mp4');
  });

  it('that its caller leaves is no whole one at the provider', async () => {
    const { caller } = await connected();
    const arrived = new Promise<IncomingMessage>((resolve) => {
      played('/v1/left', (incoming) => void incoming.once('data', () => resolve(incoming)));
    });
    const path = '/functions/v1/integrations/notion/proxy/v1/left';
    const call = await opened(caller, 'POST', path, { 'transfer-encoding': 'chunked' });
    call.write('half');
    const incoming = await arrived;
    const closed = new Promise((resolve) => incoming.once('close', resolve));
    call.destroy();
    await closed;
    expect(incoming.complete).toBe(false);
  });

  it('that the provider refuses at once is answered at once, and its connection goes on', async () => {
    const { caller } = await connected();
    // by hand: Node's own server would cut the line with its answer on the way
    const path = played('/v1/refused', ({ socket }) => {
      socket.write('HTTP/1.1 413 Enough\r\ncontent-length: 6\r\n\r\nenough');
    });
    const after = played('/v1/after', (_incoming, response) => void response.end('still here'));
    const authorization = await caller.authorization();
    const call = request(hub.base + path, {
      method: 'POST',
      agent,
      headers: { authorization, 'transfer-encoding': 'chunked' },
    });
    call.write(Buffer.alloc(MIB));
    const answer = await answerTo(call);
    expect([answer.statusCode, answer.headers['hub-answer'], await text(answer)]).toEqual([413, 'provider', 'enough']);
    call.end(Buffer.alloc(2 * MIB));
    const next = request(hub.base + after, { agent, headers: { authorization } });
    next.end();
    expect(await text(await answerTo(next))).toBe('still here');
  });

  it('that turns out to be too large is 413, and no whole one at the provider', async () => {
    const { caller } = await connected();
    const isComplete = new Promise<boolean>((resolve) => {
      played('/v1/endless', (incoming) => {
        incoming.resume().once('close', () => resolve(incoming.complete));
      });
    });
    const path = '/functions/v1/integrations/notion/proxy/v1/endless';
    const call = await opened(caller, 'POST', path, { 'transfer-encoding': 'chunked' });
    const answered = answerTo(call);
    const more = (): void => {
      while (!call.destroyed && call.write(Buffer.alloc(256 * 1024)));
    };
    call.on('drain', more);
    more();
    const answer = await answered;
    expect([answer.statusCode, answer.headers['hub-answer']]).toEqual([413, undefined]);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'invalid_request' });
    expect(await isComplete).toBe(false);
    call.destroy();
  });
});

describe('an answer', () => {
  it('to HEAD has the provider’s head, and no body', async () => {
    const { caller } = await connected();
    const path = played('/v1/head', ({ method }, response) => {
      response.writeHead(200, { 'content-length': '12345', etag: '"1"', 'x-method': method ?? '' }).end();
    });
    const answer = await caller.request('HEAD', path);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(['content-length', 'etag', 'x-method', 'hub-answer'].map((name) => answer.headers.get(name))).toEqual([
      '12345',
      '"1"',
      'HEAD',
      'provider',
    ]);
  });

  it.each([204, 304])('of status %i has no body, and the connection goes on', async (status) => {
    const { caller } = await connected();
    const path = played('/v1/empty', (_incoming, response) => void response.writeHead(status, { etag: '"1"' }).end());
    const answer = await caller.get(path);
    expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([status, '', '"1"']);
    expect((await caller.get(path)).status).toBe(status);
  });

  it('stays packed as it is', async () => {
    const { caller } = await connected();
    const path = played('/v1/packed', (_incoming, response) => {
      response.writeHead(200, { 'content-encoding': 'x-of-its-own' }).end('packed');
    });
    const call = await opened(caller, 'GET', path, { 'accept-encoding': 'x-of-its-own' });
    call.end();
    const answer = await answerTo(call);
    expect([answer.headers['content-encoding'], await text(answer)]).toEqual(['x-of-its-own', 'packed']);
  });

  it('of a status that HTTP does not have is 502', async () => {
    const { caller } = await connected();
    const path = played('/v1/odd', ({ socket }) => void socket.end('HTTP/1.1 700 Odd\r\ncontent-length: 2\r\n\r\nhi'));
    const answer = await caller.get(path);
    expect([answer.status, codeOf(answer), answer.headers.get('hub-answer')]).toEqual([
      502,
      'bad_provider_response',
      null,
    ]);
  });

  it('that is no HTTP is 503, and says that the call may have arrived', async () => {
    const { caller } = await connected();
    const path = played('/v1/garbage', ({ socket }) => void socket.end('no HTTP at all\r\n\r\n'));
    const answer = await caller.get(path);
    expect([answer.status, answer.body]).toEqual([
      503,
      expect.objectContaining({ code: 'provider_unavailable', sent: true }),
    ]);
  });

  it('with a length and chunks at once is none', async () => {
    const { caller } = await connected();
    const path = played('/v1/smuggled', ({ socket }) => {
      socket.end(
        'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n',
      );
    });
    expect((await caller.get(path)).status).toBe(503);
  });
});

describe('calls under way', () => {
  it('are so many for an org, whatever others do, and are free again when their callers leave', async () => {
    const { caller } = await connected();
    const { caller: other } = await connected();
    const path = played('/v1/open', (_incoming, response) => void response.writeHead(200).write('x'));
    const quick = played('/v1/quick', (_incoming, response) => void response.end('quick'));
    const calls = await Promise.all(Array.from({ length: PLACES }, () => opened(caller, 'GET', path)));
    await Promise.all(
      calls.map(async (call) => {
        call.end();
        await once(await answerTo(call), 'data');
      }),
    );
    const refused = await caller.get(quick);
    expect([refused.status, codeOf(refused), refused.headers.get('hub-answer')]).toEqual([429, 'rate_limited', null]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await hub.event(caller, 'limit.reached')).detail).toMatchObject({ limit: 'proxy_calls_org' });
    expect((await other.get(quick)).status).toBe(200);
    calls[0]?.destroy();
    await eventually('a place', async () => (await caller.get(quick)).status === 200 || undefined);
    for (const call of calls) call.destroy();
  });
});

describe('a 401 of the provider', () => {
  /** Refuses one token, and takes every other. */
  function refusing(refused: string): { path: string; seen: string[] } {
    const seen: string[] = [];
    const path = played('/v1/guarded', (incoming, response) => {
      void text(incoming).then((body) => {
        seen.push(body);
        const isRefused = incoming.headers.authorization === `Bearer ${refused}`;
        response.writeHead(isRefused ? 401 : 200).end(isRefused ? 'who are you' : 'welcome');
      });
    });
    return { path, seen };
  }

  async function tokenOf(caller: Caller): Promise<string> {
    return (await caller.token('notion', '?minTtl=0')).body.accessToken;
  }

  it('to a body that is not kept is handed back with a new token already there', async () => {
    const { caller, account } = await connected();
    await hub.sandbox.expire('notion', account.name);
    const { path, seen } = refusing(await tokenOf(caller));
    const raw = 'x'.repeat(300 * 1024);
    const first = await caller.request('POST', path, { raw });
    expect([first.status, first.text]).toEqual([401, 'who are you']);
    expect(first.headers.get('hub-answer')).toBe('provider; not-replayed=body_too_large');
    expect((await caller.request('POST', path, { raw })).text).toBe('welcome');
    expect(seen).toEqual([raw, raw]);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('to a short body whose length was not told is replayed with it', async () => {
    const { caller, account } = await connected();
    await hub.sandbox.expire('notion', account.name);
    const { path, seen } = refusing(await tokenOf(caller));
    const call = await opened(caller, 'PATCH', path, { 'transfer-encoding': 'chunked' });
    call.write('half');
    call.end('whole');
    const answer = await answerTo(call);
    expect([answer.headers['hub-answer'], await text(answer)]).toEqual(['provider; replayed', 'welcome']);
    expect(seen).toEqual(['halfwhole', 'halfwhole']);
  });

  it('is handed back where there is no newer token, and told so', async () => {
    const { caller, account } = await connected();
    const { path } = refusing(await tokenOf(caller));
    // the sandbox still takes the token, so that a check of it finds nothing to refresh
    const answer = await caller.get(path);
    expect([answer.status, answer.text, answer.headers.get('hub-answer')]).toEqual([
      401,
      'who are you',
      'provider; not-replayed=no_newer_token',
    ]);
    expect((await caller.get(path)).headers.get('hub-answer')).toBe('provider; not-replayed=refreshed_lately');
    expect(await refreshesOf(account)).toBe(0);
  });

  it('of many calls at once costs one refresh, and each is replayed once', async () => {
    const { caller, account } = await connected();
    await hub.sandbox.expire('notion', account.name);
    const { path, seen } = refusing(await tokenOf(caller));
    const answers = await Promise.all(
      Array.from({ length: PLACES }, (_, number) => caller.request('POST', path, { raw: `"${number}"` })),
    );
    for (const answer of answers)
      expect([answer.status, answer.text, answer.headers.get('hub-answer')]).toEqual([
        200,
        'welcome',
        'provider; replayed',
      ]);
    expect([...seen].sort()).toEqual(['"0"', '"0"', '"1"', '"1"', '"2"', '"2"', '"3"', '"3"']);
    expect(await refreshesOf(account)).toBe(1);
  });

  it('counts as one token read, and its replay as one more', async () => {
    const { caller, account } = await connected();
    const quick = played('/v1/quick', (_incoming, response) => void response.end('quick'));
    await caller.get(quick);
    await hub.sandbox.expire('notion', account.name);
    const { path } = refusing(await tokenOf(caller));
    expect((await caller.get(path)).headers.get('hub-answer')).toBe('provider; replayed');
    await eventually('three reads', async () => readsOf(await hub.trail(caller)) === 3 || undefined);
    await sleep(1_500); // whatever else is gathered is written within a second
    expect(readsOf(await hub.trail(caller))).toBe(3);
  });

  it('during which somebody has connected the same account again is replayed with the token of that', async () => {
    const { caller, account } = await connected();
    const old = await tokenOf(caller);
    const path = played('/v1/raced', (incoming, response) => {
      if (incoming.headers.authorization !== `Bearer ${old}`) return void response.end('welcome');
      void hub.connect(caller, account.order, account.choices).then(() => response.writeHead(401).end());
    });
    const answer = await caller.get(path);
    expect([answer.text, answer.headers.get('hub-answer')]).toEqual(['welcome', 'provider; replayed']);
    expect(await refreshesOf(account)).toBe(0);
  });

  it('during which somebody has connected another account is not done to that one', async () => {
    const { caller } = await connected();
    const other = ANYONES.notion();
    let calls = 0;
    const path = played('/v1/raced', (_incoming, response) => {
      calls += 1;
      const order = { ...other.order, allowAccountChange: true };
      void hub.connect(caller, order, other.choices).then(() => response.writeHead(401).end());
    });
    const answer = await caller.request('DELETE', path);
    expect([answer.status, answer.headers.get('hub-answer')]).toEqual([401, 'provider; not-replayed=account_changed']);
    expect(calls).toBe(1);
  });

  it('during which somebody has disconnected is 404', async () => {
    const { caller } = await connected();
    const path = played('/v1/raced', (_incoming, response) => {
      void caller.disconnect('notion').then(() => response.writeHead(401).end());
    });
    const answer = await caller.get(path);
    expect([answer.status, codeOf(answer)]).toEqual([404, 'not_connected']);
  });

  async function refreshesOf({ name }: Account): Promise<number> {
    return (await hub.sandbox.log({ provider: 'notion', account: name, kind: 'refresh' })).length;
  }
});

describe('a request that the router itself refuses', () => {
  it('is cut where its body does not come', async () => {
    const { hostname, port } = new URL(hub.base);
    const line = connect({ port: Number(port), host: hostname });
    const told = once(line, 'data') as Promise<[Buffer]>;
    line.write('POST /%zz HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n');
    const [answer] = await told;
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 400 /);
    const drip = setInterval(() => line.write('x'), 100);
    line.on('error', () => undefined); // a reset, where it is cut with a byte on its way
    await new Promise((resolve) => line.once('close', resolve));
    clearInterval(drip);
  });
});

describe('the last of all: a stop of the gateway', () => {
  it('cuts what lasts longer than it, so that the caller knows, and ends by itself', async () => {
    const { caller } = await connected();
    const path = played('/v1/open', (_incoming, response) => void response.writeHead(200).write('half'));
    const call = await opened(caller, 'GET', path);
    call.end();
    const answer = await answerTo(call);
    const cut = expect(text(answer)).rejects.toThrow('aborted');
    // and this one waits for a body that goes on for longer than a stop may take
    const held = await opened(caller, 'POST', path, { 'content-length': '100000', expect: '100-continue' });
    held.flushHeaders();
    await once(held, 'continue');
    const drip = setInterval(() => held.write('x'), 1_000);
    const left = new Promise((resolve) => held.once('close', resolve)).finally(() => clearInterval(drip));
    await hub.process('gateway').stop(); // which throws if it does not end with 0
    await Promise.all([cut, left]);
    await hub.process('gateway').start();
    expect(readsOf(await hub.trail(caller))).toBe(1); // what was gathered is not lost
  });
});
