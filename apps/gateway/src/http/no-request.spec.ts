import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { answerLate, answerNoRequest } from './no-request';

describe('a connection whose other side never ends it', () => {
  let server: Server;
  let line: Socket;

  beforeEach(async () => {
    server = createServer((request) => answerLate(request.socket, { 'x-own': '1' }));
    server.on('clientError', (error, socket) => answerNoRequest(error, socket as Socket, { 'x-own': '1' }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    line.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['what is no request', 'no HTTP at all\r\n\r\n', '400 Bad Request'],
    [
      'too long a head',
      `GET / HTTP/1.1\r\nhost: a\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
    ],
    ['a body that is late', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf', '408 Request Timeout'],
  ])('is cut behind the answer to %s', async (_what, bytes, status) => {
    const cut = new Promise<void>((resolve) => {
      server.once('connection', (socket) => void socket.once('close', () => resolve()));
    });
    line = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    line.on('error', () => undefined).write(bytes);
    const [answer] = (await once(line, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\nx-own: 1\r\n`));
    await cut;
  });
});
