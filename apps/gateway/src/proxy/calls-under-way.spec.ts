import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { CallsUnderWay } from './calls-under-way';

/** More than the buffers of a connection hold. */
const UNREAD = Buffer.alloc(64 * 1024 * 1024);
const LONG_MS = 60_000;

describe('a call that is under way', () => {
  let server: Server;
  let handle: RequestListener;

  beforeEach(async () => {
    server = createServer((incoming, response) =>
      handle(
        incoming.on('error', () => undefined),
        response,
      ),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function portOf(): number {
    return (server.address() as AddressInfo).port;
  }

  /** Calls, and does not read the answer's body. */
  async function answer(): Promise<IncomingMessage> {
    const asked = get({ port: portOf(), host: '127.0.0.1' }).on('error', () => undefined);
    const [head] = (await once(asked, 'response')) as [IncomingMessage];
    return head;
  }

  it.each([
    ['all are ended', { longestMs: LONG_MS, cutAfterMs: 1 }, (calls: CallsUnderWay) => calls.endAll()],
    ['it has lasted too long', { longestMs: 100, cutAfterMs: 1 }, () => undefined],
  ])('is cut where its caller does not read the rest, once %s', async (_what, limits, end) => {
    const calls = new CallsUnderWay(limits);
    const closed = new Promise<boolean>((resolve) => {
      handle = (incoming, response) => {
        calls.begin(incoming, response, resolve);
        response.end(UNREAD);
      };
    });
    const unread = await answer();
    end(calls);
    expect(await closed).toBe(false);
    await expect(text(unread)).rejects.toThrow('aborted');
  });

  it('leaves its caller the time to hear why it was ended', async () => {
    const calls = new CallsUnderWay({ longestMs: LONG_MS, cutAfterMs: LONG_MS });
    const closed = new Promise<boolean>((resolve) => {
      handle = (incoming, response) => {
        const signal = calls.begin(incoming, response, resolve);
        signal.addEventListener('abort', () => response.end('why'));
        calls.endAll();
      };
    });
    expect(await text(await answer())).toBe('why');
    expect(await closed).toBe(true);
  });

  it('that waits behind another on its connection ends with its caller too', async () => {
    const calls = new CallsUnderWay({ longestMs: LONG_MS, cutAfterMs: LONG_MS });
    let first: AbortSignal | undefined;
    const closed = new Promise<boolean>((resolve) => {
      handle = (incoming, response) => {
        first ??= calls.begin(incoming, response, () => undefined);
        if (incoming.url !== '/second') return;
        calls.begin(incoming, response, resolve);
        response.end('never sent');
        line.destroy();
      };
    });
    const line = connect(portOf(), '127.0.0.1').on('error', () => undefined);
    line.write(['/first', '/second'].map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''));
    expect(await closed).toBe(false);
    expect(first?.aborted).toBe(true);
  });

  it('of a caller who has left already is over', async () => {
    const calls = new CallsUnderWay({ longestMs: LONG_MS, cutAfterMs: LONG_MS });
    const closed = new Promise<unknown>((resolve) => {
      handle = (incoming, response) => {
        response.once('close', () => {
          const told: boolean[] = [];
          const { aborted } = calls.begin(incoming, response, (isWhole) => void told.push(isWhole));
          resolve([aborted, told]);
        });
        line.destroy();
      };
    });
    const line = connect(portOf(), '127.0.0.1').on('error', () => undefined);
    line.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(await closed).toEqual([true, [false]]);
  });
});
