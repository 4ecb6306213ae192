import { connect, type AddressInfo, type Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { WebSocket, WebSocketServer } from 'ws';
import { asksForUpgrade, takeUpgrade, takeUpgrades } from './upgrades';

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];

let server: FastifyInstance;
let port: number;
const sockets = new WebSocketServer({ noServer: true });
const lines: Socket[] = [];

beforeAll(async () => {
  server = fastify();
  takeUpgrades(server);
  server.get('/echo', (request, reply) => {
    if (!asksForUpgrade(request.raw)) return reply.status(426).send({ upgrade: false });
    const { socket, head } = takeUpgrade(request.raw);
    reply.hijack();
    sockets.handleUpgrade(request.raw, socket, head, (opened) =>
      opened.on('message', (data: Buffer) => opened.send(`heard ${data.toString()}`)),
    );
    return undefined;
  });
  server.get('/refused', (_request, reply) => reply.status(403).send({ refused: true }));
  server.post('/told', (request) => ({ told: request.body, asks: request.headers.upgrade ?? null }));
  await server.listen({ host: '127.0.0.1', port: 0 });
  port = (server.server.address() as AddressInfo).port;
});
afterAll(async () => {
  for (const line of lines) line.destroy();
  await server.close();
});

/** Sends these bytes. @returns the line, and all that came over it once it ends or holds `until` */
async function says(text: string, until?: string): Promise<{ line: Socket; heard: string }> {
  const line = connect(port, '127.0.0.1');
  lines.push(line);
  line.write(text);
  return { line, heard: await hears(line, until) };
}

function hears(line: Socket, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const take = (bytes: Buffer): void => {
      heard += bytes.toString('latin1');
      if (until !== undefined && heard.includes(until)) end();
    };
    const end = (): void => {
      line.off('data', take).off('end', end);
      resolve(heard);
    };
    line.on('data', take).on('end', end).on('error', reject);
  });
}

const request = (start: string, headers: readonly string[], body = ''): string =>
  [`${start} HTTP/1.1`, 'Host: hub.test', ...headers, '', body].join('\r\n');

describe('a request that asks for a WebSocket', () => {
  it('goes on as one where its route says so', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`);
    const heard = await new Promise((resolve, reject) => {
      socket.on('open', () => socket.send('hello'));
      socket.on('message', (data: Buffer) => resolve(data.toString()));
      socket.on('error', reject);
    });
    socket.close();
    expect(heard).toBe('heard hello');
  });

  it('is answered like any other where its route answers, and its line ends', async () => {
    const { heard } = await says(request('GET /refused', HANDSHAKE));
    expect(heard).toMatch(/^HTTP\/1\.1 403 /);
    expect(heard).toMatch(/\r\nconnection: close\r\n/i);
    expect(heard.endsWith('{"refused":true}')).toBe(true);
  });

  it('is not found where there is no route', async () => {
    expect((await says(request('GET /nothing', HANDSHAKE))).heard).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('harms nobody if its line breaks before the answer', async () => {
    const line = connect(port, '127.0.0.1');
    line.on('error', () => undefined);
    line.write(request('GET /echo', HANDSHAKE));
    line.resetAndDestroy();
    expect((await says(request('GET /refused', HANDSHAKE))).heard).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('with a body is served as if it had not asked', async () => {
    const body = '{"a":1}';
    const headers = [...HANDSHAKE, 'Content-Type: application/json', `Content-Length: ${body.length}`];
    const { heard } = await says(request('POST /told', headers, body), '"asks":null}');
    expect(heard).toContain('{"told":{"a":1},"asks":null}');
  });
});

describe('a request that asks for another protocol', () => {
  it('is served as if it had not asked, and so is the next one on its line', async () => {
    const body = '{"name":"żółw"}';
    const headers = [...H2C, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
    const first = await says(request('POST /told', headers, body), '"asks":null}');
    expect(Buffer.from(first.heard, 'latin1').toString()).toContain('{"told":{"name":"żółw"},"asks":null}');
    first.line.write(request('GET /echo', H2C));
    expect(await hears(first.line, '"upgrade":false}')).toMatch(/^HTTP\/1\.1 426 /);
  });

  it('may send its body later, and in pieces', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(100_000) });
    const line = connect(port, '127.0.0.1');
    lines.push(line);
    const headers = [...H2C, 'Content-Type: application/json', `Content-Length: ${body.length}`];
    line.write(request('POST /told', headers));
    const heard = hears(line, '"asks":null}');
    for (let place = 0; place < body.length; place += 30_000) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      line.write(body.slice(place, place + 30_000));
    }
    expect(await heard).toContain(body);
  });
});

it('a request that asked for nothing cannot be taken', () => {
  expect(() => takeUpgrade({} as never)).toThrow('this request asks for no upgrade');
});
