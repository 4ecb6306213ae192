import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutboundClient, type StreamedRequest } from './outbound.client';

const MIB = 1024 * 1024;
/** More than all buffers between two processes of one machine hold together. */
const MUCH = 96 * MIB;
const HELD_AT_MOST = 48 * MIB;

describe('a streamed call', () => {
  const client = new OutboundClient({ allowPrivate: true, allowHosts: [] }, null);
  let server: Server;
  let origin: string;
  let answer: RequestListener;
  let calls: number;

  beforeAll(async () => {
    server = createServer((request, response) => {
      calls += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => {
    calls = 0;
  });

  afterAll(async () => {
    server.closeAllConnections();
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  function stream(more: Partial<StreamedRequest> = {}) {
    const usual = { method: 'GET', origin, path: '/', headers: {}, body: null, answerWithinMs: 10_000 } as const;
    return client.stream({ ...usual, signal: new AbortController().signal, ...more });
  }

  async function answered(more: Partial<StreamedRequest> = {}) {
    const outcome = await stream(more);
    if (outcome.kind !== 'answer') throw new Error(`${outcome.kind}: ${outcome.reason}`);
    return outcome;
  }

  it('is sent as it is written, and any answer comes back as it is', async () => {
    let seen: unknown;
    answer = (request, response) => {
      void text(request).then((body) => {
        seen = [request.method, request.url, request.headers['x-own'], request.headers['content-type'], body];
        response.writeHead(418, { 'x-list': ['a', 'b'], 'content-type': 'text/csv' }).end('ä,b');
      });
    };
    const { status, headers, body } = await answered({
      method: 'PATCH',
      path: "/a/b;c='d'/%7e?x=%2F&x=",
      headers: { 'x-own': '1', 'content-type': 'text/plain' },
      body: Buffer.from('ümlaut'),
    });
    expect([status, headers['x-list'], headers['content-type'], await text(body)]).toEqual([
      418,
      ['a', 'b'],
      'text/csv',
      'ä,b',
    ]);
    expect(seen).toEqual(['PATCH', "/a/b;c='d'/%7e?x=%2F&x=", '1', 'text/plain', 'ümlaut']);
  });

  it('follows no redirect', async () => {
    answer = (_request, response) => void response.writeHead(302, { location: `${origin}/elsewhere` }).end();
    expect((await answered()).status).toBe(302);
    expect(calls).toBe(1);
  });

  it.each([
    ['a path without its slash', { path: '@evil.example/' }],
    ['a path that is none', { path: '' }],
    ['an origin with a user', { origin: 'https://user@example.com' }],
    ['an origin with a path', { origin: 'https://example.com/base' }],
    ['a header that would break the request', { headers: { 'x-own': 'a\r\nb: c' } }],
  ])('is not sent with %s', async (_what, more) => {
    expect(await stream(more)).toEqual({ kind: 'not_sent', reason: 'bad_request' });
    expect(calls).toBe(0);
  });

  it('goes to no address that is not public', async () => {
    const strict = new OutboundClient({ allowPrivate: false, allowHosts: [] }, null);
    const inward = { method: 'GET', path: '/', headers: {}, body: null, answerWithinMs: 5_000 } as const;
    const { signal } = new AbortController();
    for (const at of [origin, 'https://127.0.0.1', 'https://localhost', 'https://169.254.169.254', 'https://[::1]'])
      expect(await strict.stream({ ...inward, origin: at, signal })).toEqual({
        kind: 'not_sent',
        reason: 'blocked_address',
      });
    expect(calls).toBe(0);
    await strict.close();
  });

  it('of HEAD has the head of an answer and no body', async () => {
    answer = (_request, response) => void response.writeHead(200, { 'content-length': '12345' }).end();
    const { headers, body } = await answered({ method: 'HEAD' });
    expect([headers['content-length'], await text(body)]).toEqual(['12345', '']);
  });

  it('is made on a connection of its own where it may change something', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      request.resume().once('end', () => response.end());
    };
    for (let call = 0; call < 3; call += 1)
      await text((await answered({ method: 'POST', body: Buffer.from('x') })).body);
    expect(ports.size).toBe(3);
  });

  it('reads an answer no faster than its reader does, and all of it', async () => {
    let sent = 0;
    answer = (_request, response) => {
      const chunk = Buffer.alloc(256 * 1024, 'x');
      const more = (): void => {
        while (sent < MUCH) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    const { body } = await answered();
    await still(() => sent);
    expect(sent).toBeLessThan(HELD_AT_MOST);
    expect((await buffer(body)).length).toBe(MUCH);
  });

  it('takes a body no faster than the other side does, and all of it', async () => {
    let given = 0;
    const body = new Readable({
      read() {
        given += 65_536;
        this.push(given > MUCH ? null : Buffer.alloc(65_536, 'x'));
      },
    });
    const arrived = new Promise<IncomingMessage>((resolve) => {
      answer = (request, response) => {
        resolve(request);
        request.once('end', () => response.end('taken'));
      };
    });
    const asked = answered({ method: 'POST', body });
    const request = await arrived;
    await still(() => given);
    expect(given).toBeLessThan(HELD_AT_MOST);
    let taken = 0;
    request.on('data', (chunk: Buffer) => (taken += chunk.length));
    expect(await text((await asked).body)).toBe('taken');
    expect(taken).toBe(MUCH);
  });

  it.each([
    ['of a known length', { 'content-length': '100' }],
    ['in chunks', {}],
  ])('has a body %s that fails where it is cut', async (_what, headers) => {
    answer = (request, response) => {
      response.writeHead(200, headers).write('half');
      setTimeout(() => request.socket.destroy(), 50);
    };
    await expect(text((await answered()).body)).rejects.toThrow();
  });

  it('is ended by its signal while the answer is read, at the other side too', async () => {
    const end = new AbortController();
    const closed = new Promise((resolve) => {
      answer = (_request, response) => void response.once('close', resolve).writeHead(200).write('half');
    });
    const { body } = await answered({ signal: end.signal });
    const failed = expect(text(body)).rejects.toThrow();
    end.abort();
    await Promise.all([failed, closed]);
  });

  it('is ended by its signal before there is an answer', async () => {
    const end = new AbortController();
    const closed = new Promise((resolve) => {
      answer = (_request, response) => {
        response.once('close', resolve);
        end.abort();
      };
    });
    expect(await stream({ signal: end.signal })).toEqual({ kind: 'no_answer', reason: 'connection_lost' });
    await closed;
  });

  it('is ended by a body that breaks, and the other side has no whole request', async () => {
    const isComplete = new Promise<boolean>((resolve) => {
      answer = (request) => {
        request.on('error', () => undefined).once('close', () => resolve(request.complete));
        request.once('data', () => body.destroy(new Error('the caller has left')));
      };
    });
    const body = new Readable({ read: () => undefined });
    body.push('half');
    const outcome = await stream({ method: 'POST', body, headers: { 'content-length': '100' } });
    expect(outcome).toEqual({ kind: 'no_answer', reason: 'connection_lost' });
    expect(await isComplete).toBe(false);
  });

  it('waits for the head of an answer no longer than it may', async () => {
    answer = () => undefined;
    expect(await stream({ answerWithinMs: 100 })).toEqual({ kind: 'no_answer', reason: 'timeout' });
  });

  it('waits no longer for a body that stands still', async () => {
    answer = (request) => void request.resume();
    const body = new Readable({ read: () => undefined });
    body.push('half');
    expect(await stream({ method: 'POST', body, answerWithinMs: 200 })).toEqual({
      kind: 'no_answer',
      reason: 'timeout',
    });
    expect(body.destroyed).toBe(true);
  });

  it('waits as long as a body takes that keeps flowing', async () => {
    answer = (request, response) => void text(request).then((all) => response.end(all));
    const pieces = async function* (): AsyncGenerator<Buffer> {
      for (let piece = 0; piece < 12; piece += 1) {
        await sleep(250);
        yield Buffer.from('x');
      }
    };
    const { body } = await answered({ method: 'POST', body: Readable.from(pieces()), answerWithinMs: 2_000 });
    expect(await text(body)).toBe('x'.repeat(12));
  });

  it('hears of an early answer, and lets go of a body that nobody takes any more', async () => {
    answer = (_request, response: ServerResponse) => void response.writeHead(413).end('enough');
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(65_536, 'x'));
      },
    });
    const { status, body: told } = await answered({ method: 'POST', body });
    expect([status, await text(told)]).toEqual([413, 'enough']);
    if (!body.destroyed) await once(body, 'close');
  });

  it('is not sent once the client is closed', async () => {
    const closed = new OutboundClient({ allowPrivate: true, allowHosts: [] });
    await closed.close();
    const { signal } = new AbortController();
    expect(
      await closed.stream({ method: 'GET', origin, path: '/', headers: {}, body: null, answerWithinMs: 1_000, signal }),
    ).toEqual({ kind: 'not_sent', reason: 'closed' });
  });
});

/** Once a number does not move any more. */
async function still(number: () => number): Promise<void> {
  for (let last = -1; last !== number(); await sleep(500)) last = number();
}
