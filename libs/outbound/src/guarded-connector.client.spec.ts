import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OutboundClient } from './outbound.client';

const names = new Map<string, { address: string; family: number }[][]>();
jest.mock('node:dns', () => ({
  ...jest.requireActual<object>('node:dns'),
  // Each look-up of a name takes the next of its answers.
  lookup: (name: string, _options: unknown, callback: (error: Error | null, addresses?: unknown) => void) => {
    const answer = names.get(name)?.shift();
    setImmediate(() =>
      answer ? callback(null, answer) : callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    );
  },
}));

const inward = { address: '127.0.0.1', family: 4 };
const outward = { address: '8.8.8.8', family: 4 };

describe('the connection behind a name', () => {
  let server: Server;
  let calls = 0;
  let port: number;
  const clients: OutboundClient[] = [];

  beforeAll(async () => {
    server = createServer((_request, response) => {
      calls += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await new Promise((resolve) => server.close(resolve));
  });

  function call(url: string, rules = { allowPrivate: false, allowHosts: [] as string[] }) {
    const client = new OutboundClient(rules);
    clients.push(client);
    return client.send({ method: 'GET', url, deadlineMs: 2_000 });
  }

  it('refuses a name that leads inwards', async () => {
    names.set('inward.example', [[inward]]);
    expect(await call(`https://inward.example:${port}/`)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
  });

  it('refuses a name with one inward address among good ones', async () => {
    names.set('mixed.example', [[outward, inward, { address: '::1', family: 6 }]]);
    expect(await call(`https://mixed.example:${port}/`)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
  });

  it('refuses a name without any address', async () => {
    names.set('empty.example', [[]]);
    expect(await call(`https://empty.example:${port}/`)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
  });

  it('looks a name up once, and uses what it has checked', async () => {
    names.set('rebinding.example', [[inward], [{ address: '10.0.0.1', family: 4 }]]);
    const outcome = await call(`http://rebinding.example:${port}/`, { allowPrivate: true, allowHosts: [] });
    expect(outcome).toMatchObject({ kind: 'answer', answer: { status: 200 } });
    expect(names.get('rebinding.example')).toHaveLength(1);
  });

  it('sends no plain http to another machine, whatever is allowed', async () => {
    names.set('outward.example', [[outward]]);
    const rules = { allowPrivate: true, allowHosts: ['outward.example'] };
    expect(await call('http://outward.example/', rules)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
  });

  it('lets a vouched host have a private address, but asks for its certificate', async () => {
    names.set('idp.internal', [[inward]]);
    const rules = { allowPrivate: false, allowHosts: ['idp.internal'] };
    expect(await call(`https://idp.internal:${port}/`, rules)).toEqual({ kind: 'not_sent', reason: 'tls' });
  });

  it('says that a name does not exist', async () => {
    expect(await call('https://unknown.example/')).toEqual({ kind: 'not_sent', reason: 'dns' });
  });

  it('has reached the server only where it may', () => {
    expect(calls).toBe(1);
  });
});
