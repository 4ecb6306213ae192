import { HealthServer, type Readiness } from './health-server';

describe('the health pages of a worker', () => {
  let readiness: () => Promise<Readiness>;
  let wedge: string | undefined;
  let server: HealthServer;
  let port: number;

  beforeEach(async () => {
    readiness = () => Promise.resolve({ ready: true });
    wedge = undefined;
    server = new HealthServer(
      () => readiness(),
      () => wedge,
    );
    port = await server.listen('127.0.0.1', 0);
  });
  afterEach(() => server.close());

  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, body: await response.json(), cache: response.headers.get('cache-control') };
  };

  it('say that it lives, and ask nobody for it', async () => {
    readiness = () => Promise.reject(new Error('nobody asks'));
    expect(await get('/health/live')).toEqual({ status: 200, body: { status: 'live' }, cache: 'no-store' });
  });

  it('say that it is to be started anew, and why', async () => {
    wedge = 'it sleeps';
    expect(await get('/health/live')).toMatchObject({ status: 503, body: { status: 'wedged', reason: 'it sleeps' } });
  });

  it('say that it is ready', async () => {
    expect(await get('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });

  it('say why it is not', async () => {
    readiness = () => Promise.resolve({ ready: false, reason: 'database' });
    expect(await get('/health/ready')).toMatchObject({
      status: 503,
      body: { status: 'not_ready', reason: 'database' },
    });
  });

  it('say that it is not ready when the check itself fails, and nothing of how', async () => {
    readiness = () => Promise.reject(new Error('canary'));
    expect(await get('/health/ready')).toMatchObject({
      status: 503,
      body: { status: 'not_ready', reason: 'check failed' },
    });
  });

  it.each(['/', '/health', '/health/ready/x'])('know nothing else: %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('tell when their port is taken', async () => {
    const second = new HealthServer(() => readiness());
    await expect(second.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('end although somebody keeps a connection open', async () => {
    const other = new HealthServer(() => new Promise(() => undefined));
    const asked = fetch(`http://127.0.0.1:${await other.listen('127.0.0.1', 0)}/health/ready`).catch(() => 'cut');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await other.close();
    expect(await asked).toBe('cut');
  });
});
