import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { OutboundClient } from './outbound.client';

describe('an outbound call', () => {
  const client = new OutboundClient({ allowPrivate: true, allowHosts: [] });
  const strict = new OutboundClient({ allowPrivate: false, allowHosts: [] });
  let server: Server;
  let base: string;
  let answer: RequestListener;
  let calls: number;

  beforeAll(async () => {
    server = createServer((request, response) => {
      calls += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => {
    calls = 0;
  });

  afterAll(async () => {
    await Promise.all([client.close(), strict.close()]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function get(path = '/', more: { deadlineMs?: number; maxBytes?: number; freshConnection?: boolean } = {}) {
    return client.send({ method: 'GET', url: base + path, ...more });
  }

  function respond(status: number, headers: Record<string, string | string[]>, body: string) {
    answer = (_request, response) => {
      response.writeHead(status, headers).end(body);
    };
  }

  it('brings status, headers and JSON back', async () => {
    respond(201, { 'X-Thing': ['a', 'b'], 'content-type': 'application/json' }, '{"yes":true}');
    expect(await get()).toMatchObject({
      kind: 'answer',
      answer: { status: 201, headers: { 'x-thing': 'a, b' }, text: '{"yes":true}', json: { yes: true } },
    });
  });

  it('sends method, headers and body as they are', async () => {
    let seen = '';
    answer = (request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
      request.on('end', () => response.end(JSON.stringify([request.method, request.headers['x-own'], seen])));
    };
    const outcome = await client.send({ method: 'POST', url: `${base}/x`, headers: { 'x-own': '1' }, body: 'ümlaut' });
    expect(outcome).toMatchObject({ kind: 'answer', answer: { json: ['POST', '1', 'ümlaut'] } });
  });

  it('has no JSON for a body that is none', async () => {
    respond(200, {}, '<html>');
    expect(await get()).toMatchObject({ kind: 'answer', answer: { text: '<html>', json: undefined } });
  });

  it('follows no redirect: it is an answer', async () => {
    respond(302, { location: `${base}/elsewhere` }, '');
    expect(await get()).toMatchObject({ kind: 'answer', answer: { status: 302 } });
    expect(calls).toBe(1);
  });

  it.each([
    ['plain http anywhere', 'http://192.0.2.1/'],
    ['this machine by address', 'https://127.0.0.1/'],
    ['this machine by a short form', 'https://127.1/'],
    ['this machine as a number', 'https://2130706433/'],
    ['this machine in hexadecimal', 'https://0x7f.1/'],
    ['this machine in circled digits', 'https://①②⑦.⓪.⓪.①/'],
    ['this machine by name', 'https://localhost/'],
    ['this machine in IPv6', 'https://[::1]/'],
    ['this machine mapped into IPv6', 'https://[::ffff:7f00:1]/'],
    ['this machine behind NAT64', 'https://[64:ff9b::7f00:1]/'],
    ['the metadata service', 'https://169.254.169.254/latest/meta-data/'],
    ['the metadata service in IPv6', 'https://[fd00:ec2::254]/'],
    ['a private network', 'https://10.1.2.3/'],
  ])('does not call %s', async (_what, url) => {
    expect(await strict.send({ method: 'GET', url })).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
  });

  it.each(['not a url', 'ftp://example.com/', 'https://user:secret@example.com/', ''])(
    'does not call %j',
    async (url) => {
      expect(await client.send({ method: 'GET', url })).toEqual({ kind: 'not_sent', reason: 'bad_request' });
    },
  );

  it('does not send a header that would break the request', async () => {
    const outcome = await client.send({ method: 'GET', url: base, headers: { authorization: 'Bearer a\r\nb: c' } });
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'bad_request' });
    expect(calls).toBe(0);
  });

  it('knows that nothing was sent when the connection is refused', async () => {
    const port = await freePort();
    const outcome = await client.send({ method: 'GET', url: `http://127.0.0.1:${port}/` });
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'refused' });
  });

  it('knows that nothing was sent when TLS fails', async () => {
    const outcome = await client.send({ method: 'GET', url: base.replace('http:', 'https:') });
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'tls' });
  });

  it('knows that nothing was sent when the deadline passes during the handshake', async () => {
    const silent = createTcpServer((socket) => setTimeout(() => socket.destroy(), 200));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    expect(await client.send({ method: 'GET', url, deadlineMs: 100 })).toEqual({ kind: 'not_sent', reason: 'timeout' });
    silent.close();
  });

  it('does not know what became of a request whose connection broke', async () => {
    answer = (request) => request.socket.destroy();
    expect(await get()).toEqual({ kind: 'no_answer', reason: 'connection_lost' });
  });

  it('does not know what became of a request whose answer was cut', async () => {
    answer = (request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"access_token":');
      setTimeout(() => request.socket.destroy(), 20);
    };
    expect(await get()).toEqual({ kind: 'no_answer', reason: 'connection_lost' });
  });

  it('waits no longer than its deadline', async () => {
    answer = () => undefined;
    expect(await get('/', { deadlineMs: 100 })).toEqual({ kind: 'no_answer', reason: 'timeout' });
  });

  it('cuts a dripping body at its deadline', async () => {
    let drip: NodeJS.Timeout | undefined;
    answer = (_request, response) => {
      response.writeHead(200);
      drip = setInterval(() => response.write(' '), 10);
    };
    const before = performance.now();
    expect(await get('/', { deadlineMs: 150 })).toEqual({ kind: 'no_answer', reason: 'timeout' });
    expect(performance.now() - before).toBeLessThan(1_000);
    clearInterval(drip);
  });

  it('takes no longer answer than allowed', async () => {
    respond(200, {}, ' '.repeat(2_000));
    expect(await get('/', { maxBytes: 1_999 })).toEqual({ kind: 'no_answer', reason: 'too_large' });
    expect(await get('/', { maxBytes: 2_000 })).toMatchObject({ kind: 'answer' });
  });

  it('stops reading a flood', async () => {
    let open: ServerResponse | undefined;
    answer = (_request, response) => {
      open = response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    };
    expect(await get('/', { maxBytes: 100_000 })).toEqual({ kind: 'no_answer', reason: 'too_large' });
    await new Promise((resolve) => (open?.destroyed ? resolve(undefined) : open?.once('close', resolve)));
  });

  it('keeps the status of an endless error page, without the page', async () => {
    respond(503, {}, 'x'.repeat(5_000));
    expect(await get('/', { maxBytes: 1_000 })).toMatchObject({ kind: 'answer', answer: { status: 503, text: '' } });
  });

  it('takes no compressed answer, since it asks for none', async () => {
    respond(200, { 'content-encoding': 'gzip' }, 'whatever');
    expect(await get()).toEqual({ kind: 'no_answer', reason: 'bad_encoding' });
  });

  it('opens a connection of its own where asked to', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    };
    for (let call = 0; call < 3; call += 1) await get('/', { freshConnection: true });
    expect(ports.size).toBe(3);
  });

  it('keeps connections otherwise', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    };
    for (let call = 0; call < 9; call += 1) await get();
    expect(ports.size).toBeLessThan(4);
  });

  it('sends nothing once it is closed', async () => {
    const closed = new OutboundClient({ allowPrivate: true, allowHosts: [] });
    await closed.close();
    expect(await closed.send({ method: 'GET', url: base })).toEqual({ kind: 'not_sent', reason: 'closed' });
  });
});

async function freePort(): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
