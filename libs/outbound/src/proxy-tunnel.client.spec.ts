import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:https';
import { certificateFor } from '../../../test/support/certificate';
import { ConnectProxy } from '../../../test/support/connect-proxy';
import type { OutboundRules } from './address-rules';
import { OutboundClient } from './outbound.client';

const names = new Map<string, { address: string; family: number }[]>();
jest.mock('node:dns', () => ({
  ...jest.requireActual<object>('node:dns'),
  // what is no name of a test is looked up as ever
  lookup: (name: string, options: unknown, callback: (error: Error | null, addresses?: unknown) => void) => {
    const answer = names.get(name);
    if (answer) setImmediate(() => callback(null, answer));
    else jest.requireActual<typeof import('node:dns')>('node:dns').lookup(name, options as object, callback);
  },
}));

const v4 = (address: string) => ({ address, family: 4 });
const v6 = (address: string) => ({ address, family: 6 });
const OUTWARD = '8.8.8.8';

describe('an outbound call through a proxy', () => {
  const own = certificateFor('api.example', 'idp.internal', 'six.example');
  let target: Server;
  let calls: number;
  let proxy: ConnectProxy;
  const clients: OutboundClient[] = [];

  beforeAll(async () => {
    target = createServer(own, (request, response) => {
      calls += 1;
      response.end(JSON.stringify({ host: request.headers.host, proxied: request.headers['proxy-authorization'] }));
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    names.set('api.example', [v4(OUTWARD)]);
    names.set('six.example', [v6('2606:4700::1111'), v4('9.9.9.9')]);
    names.set('inward.example', [v4('10.0.0.1')]);
    names.set('mixed.example', [v4(OUTWARD), v4('127.0.0.1')]);
  });
  beforeEach(async () => {
    calls = 0;
    proxy = await ConnectProxy.open(() => (target.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await proxy.close();
  });
  afterAll(() => {
    target.closeAllConnections();
    target.close();
  });

  function call(url: string, rules: Partial<OutboundRules> = {}, deadlineMs = 10_000) {
    const client = new OutboundClient({
      allowPrivate: false,
      allowHosts: [],
      ca: own.cert,
      ...rules,
      proxyUrl: rules.proxyUrl ?? proxy.url(),
    });
    clients.push(client);
    return client.send({ method: 'GET', url, deadlineMs });
  }

  it('tells it the checked address, and speaks by TLS with the host itself', async () => {
    expect(await call('https://api.example/')).toMatchObject({
      kind: 'answer',
      answer: { json: { host: 'api.example' } },
    });
    expect(proxy.targets).toEqual([`${OUTWARD}:443`]);
    expect(proxy.authorizations).toEqual([undefined]);
  });

  it('tells it the port that is asked for', async () => {
    expect(await call('https://api.example:8443/')).toMatchObject({ kind: 'answer' });
    expect(proxy.targets).toEqual([`${OUTWARD}:8443`]);
  });

  it('shows it user and password, and shows them to nobody else', async () => {
    const proxyUrl = proxy.url('us%40er:p%3Ass');
    expect(await call('https://api.example/', { proxyUrl })).toMatchObject({
      kind: 'answer',
      answer: { json: { host: 'api.example' } },
    });
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('us@er:p:ss').toString('base64')}`]);
  });

  it('believes nobody behind it who has not the certificate of the host', async () => {
    names.set('other.example', [v4(OUTWARD)]);
    expect(await call('https://other.example/')).toEqual({ kind: 'not_sent', reason: 'tls' });
    expect(calls).toBe(0);
  });

  it.each([
    ['a private address', 'https://10.1.2.3/'],
    ['a name of one', 'https://inward.example/'],
    ['a name with one among good ones', 'https://mixed.example/'],
    ['plain http', 'http://api.example/'],
  ])('does not ask it for %s', async (_what, url) => {
    expect(await call(url)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
    expect(proxy.targets).toEqual([]);
  });

  it('tells it a vouched host by name, whatever that is here', async () => {
    names.set('idp.internal', [v4('10.9.9.9')]);
    expect(await call('https://idp.internal/', { allowHosts: ['idp.internal'] })).toMatchObject({ kind: 'answer' });
    expect(proxy.targets).toEqual(['idp.internal:443']);
  });

  it('tries IPv4 first, and the next address if there is no way to one', async () => {
    proxy.instead = (socket, { url }) => {
      if (url === '9.9.9.9:443') return void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      proxy.instead = undefined;
      socket.end('HTTP/1.1 504 Gateway Timeout\r\n\r\n');
    };
    expect(await call('https://six.example/')).toEqual({ kind: 'not_sent', reason: 'proxy' });
    expect(proxy.targets).toEqual(['9.9.9.9:443', '[2606:4700::1111]:443']);
    proxy.instead = (socket) => {
      proxy.instead = undefined;
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    };
    expect(await call('https://six.example/')).toMatchObject({ kind: 'answer' });
  });

  it('leaves it out for this machine and for what NO_PROXY names', async () => {
    const { port } = target.address() as AddressInfo;
    names.set('api.example', [v4('127.0.0.1')]);
    try {
      const rules = { allowPrivate: true, noProxy: ['idp.internal'] };
      expect(await call(`https://api.example:${port}/`, rules)).toMatchObject({ kind: 'answer' });
      names.set('idp.internal', [v4('127.0.0.1')]);
      const vouched = { ...rules, allowHosts: ['idp.internal'] };
      expect(await call(`https://idp.internal:${port}/`, vouched)).toMatchObject({ kind: 'answer' });
    } finally {
      names.set('api.example', [v4(OUTWARD)]);
    }
    expect(proxy.targets).toEqual([]);
  });

  it.each<[string, NonNullable<ConnectProxy['instead']>]>([
    ['wants another password', (socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')],
    ['refuses', (socket) => void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno')],
    ['leads elsewhere', (socket) => void socket.end('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n')],
    ['speaks something else', (socket) => void socket.end('SSH-2.0-OpenSSH_9.7\r\n')],
    ['floods', (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'x-more: yes\r\n'.repeat(5_000)}`)],
    ['hangs up', (socket) => void socket.destroy()],
    ['says nothing', () => undefined],
  ])('is not sent if the proxy %s', async (_what, instead) => {
    proxy.instead = instead;
    expect(await call('https://api.example/')).toEqual({ kind: 'not_sent', reason: 'proxy' });
    expect(calls).toBe(0);
    expect(proxy.targets).toEqual([`${OUTWARD}:443`]);
  });

  it('is not sent if the way breaks before TLS is there', async () => {
    proxy.instead = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.once('data', () => socket.destroy());
    };
    expect(await call('https://api.example/')).toMatchObject({ kind: 'not_sent' });
  });

  it('is not sent if nobody is there', async () => {
    const proxyUrl = proxy.url();
    await proxy.close();
    expect(await call('https://api.example/', { proxyUrl })).toEqual({ kind: 'not_sent', reason: 'proxy' });
    proxy = await ConnectProxy.open(() => 0);
  });

  it('does not go through a proxy by TLS whose certificate is not good', async () => {
    const secure = await ConnectProxy.open(() => (target.address() as AddressInfo).port, certificateFor('localhost'));
    const proxyUrl = secure.url('user:password', 'localhost');
    expect(await call('https://api.example/', { proxyUrl })).toEqual({ kind: 'not_sent', reason: 'proxy' });
    expect([secure.targets, secure.authorizations]).toEqual([[], []]);
    await secure.close();
  });
});
