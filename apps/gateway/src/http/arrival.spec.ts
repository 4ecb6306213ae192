import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arrival } from './arrival';

const WITHIN_MS = 200;

describe('the arrival of a request', () => {
  let server: Server;
  let handle: RequestListener;
  beforeAll(async () => {
    server = createServer((incoming, response) => {
      incoming.on('error', () => undefined);
      handle(incoming, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function call(headers: Readonly<Record<string, string>>) {
    const { port } = server.address() as AddressInfo;
    return request({ port, host: '127.0.0.1', method: 'POST', headers }).on('error', () => undefined);
  }

  it('is told where its body does not come in time', async () => {
    const late = new Promise((resolve) => {
      handle = (incoming, response) => void new Arrival(incoming, response, () => resolve('late'), WITHIN_MS);
    });
    const asked = call({ 'content-length': '10' });
    asked.write('half');
    expect(await late).toBe('late');
    asked.destroy();
  });

  it.each([
    ['no body', {}, ''],
    ['an empty one', { 'content-length': '0' }, ''],
    ['a body that is there', { 'content-length': '4' }, 'body'],
  ])('is none to watch with %s, however long the answer takes', async (_what, headers, body) => {
    let isLate = false;
    handle = (incoming, response) => {
      new Arrival(incoming, response, () => (isLate = true), WITHIN_MS);
      incoming.resume();
      setTimeout(() => response.end(), 3 * WITHIN_MS);
    };
    const asked = call(headers);
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    await text(answer);
    expect(isLate).toBe(false);
  });

  it('is somebody else’s to watch once it is handed over', async () => {
    let isLate = false;
    handle = (incoming, response) => {
      new Arrival(incoming, response, () => (isLate = true), WITHIN_MS).handOver();
      void text(incoming).then((all) => response.end(all));
    };
    const asked = call({ 'transfer-encoding': 'chunked' });
    asked.write('half');
    await sleep(3 * WITHIN_MS);
    asked.end('whole');
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    expect([await text(answer), isLate]).toEqual(['halfwhole', false]);
  });

  it('is none to watch behind an answer either, where there is no body: the connection goes on', async () => {
    handle = (incoming, response) => {
      new Arrival(incoming, response, () => undefined, WITHIN_MS).handOver();
      if (incoming.url === '/long') setTimeout(() => response.end('whole'), 3 * WITHIN_MS);
      else response.end('at once');
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { port } = server.address() as AddressInfo;
    const ask = async (path: string) => {
      const asked = request({ port, host: '127.0.0.1', path, agent });
      asked.end();
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return { body: await text(answer), isKept: asked.reusedSocket };
    };
    expect((await ask('/')).body).toBe('at once');
    expect(await ask('/long')).toEqual({ body: 'whole', isKept: true });
    agent.destroy();
  });

  it('whose rest does not come behind its answer ends with the line', async () => {
    handle = (incoming, response) => {
      new Arrival(incoming, response, () => undefined, WITHIN_MS).handOver();
      response.end('enough');
    };
    const asked = call({ 'content-length': '10' });
    asked.write('half');
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    expect(await text(answer)).toBe('enough');
    if (!asked.destroyed) await once(asked, 'close');
  });
});
