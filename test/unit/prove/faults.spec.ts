import { spawnSync } from 'node:child_process';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TcpProxy } from '../../prove/faults/tcp-proxy';

const FAULTS = path.join(__dirname, '../../prove/faults');

describe('a shifted clock', () => {
  it('shifts what the program reads, and no timer', () => {
    const script = `
      const before = performance.now();
      setTimeout(() => console.log(JSON.stringify({
        now: Date.now(), made: new Date().getTime(), given: new Date(5).getTime(), parts: new Date(2026, 0).getFullYear(),
        isDate: new Date() instanceof Date, text: typeof Date(), waited: performance.now() - before,
      })), 50);`;
    const { stdout } = spawnSync(process.execPath, ['--require', path.join(FAULTS, 'shift-clock.cjs'), '-e', script], {
      env: { PATH: process.env['PATH'], PROVE_CLOCK_OFFSET_MS: '600000' },
      encoding: 'utf8',
    });
    const seen = JSON.parse(stdout) as Record<string, number | boolean | string>;
    for (const read of [seen['now'], seen['made']])
      expect(Math.abs(Number(read) - Date.now() - 600_000)).toBeLessThan(5_000);
    expect(seen).toMatchObject({ given: 5, parts: 2026, isDate: true, text: 'string' });
    expect(Number(seen['waited'])).toBeLessThan(5_000);
  });
});

describe('a line', () => {
  let echo: Server;
  let line: TcpProxy;

  beforeEach(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    line = await TcpProxy.start({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  });

  afterEach(async () => {
    await line.stop();
    await new Promise((resolve) => echo.close(resolve));
  });

  const reach = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(line.port, '127.0.0.1', () => resolve(socket));
      socket.on('error', () => undefined);
    });
  const heard = (socket: Socket): Promise<string> =>
    new Promise((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));

  it('passes everything on while it is open', async () => {
    const socket = await reach();
    socket.write('hello');
    expect(await heard(socket)).toBe('hello');
  });

  it('stands and stays silent while it is half open', async () => {
    const socket = await reach();
    line.become('half_open');
    socket.write('hello');
    expect(await Promise.race([heard(socket), sleep(100, 'silence')])).toBe('silence');
    expect(socket.destroyed).toBe(false);
  });

  it('lets nothing through for those that it has forgotten, and takes new ones', async () => {
    const socket = await reach();
    line.forget();
    socket.write('hello');
    expect(await Promise.race([heard(socket), sleep(100, 'silence')])).toBe('silence');
    expect(socket.destroyed).toBe(false);
    const next = await reach();
    next.write('again');
    expect(await heard(next)).toBe('again');
  });

  it('cuts connections while it refuses, and takes new ones afterwards', async () => {
    const socket = await reach();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    line.become('refusing');
    await closed;
    line.become('open');
    const next = await reach();
    next.write('again');
    expect(await heard(next)).toBe('again');
  });

  it('holds back what passes, in its order', async () => {
    line.become('open', { delayMs: 60, dripBytes: 2 });
    const socket = await reach();
    const startedMs = performance.now();
    socket.write('abcd');
    const first = await heard(socket);
    expect(performance.now() - startedMs).toBeGreaterThan(55);
    expect(first + (await heard(socket))).toBe('abcd');
  });
});
