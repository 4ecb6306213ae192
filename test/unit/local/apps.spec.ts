import { launcher } from '../../support/launcher';

interface Apps {
  APPS: { name: string; stopMs: number }[];
  localDefaults(given: object, kept: object, dataDir: string): Record<string, string>;
  isLocalOnly(settings: { HOST: string; PUBLIC_URL: string }): boolean;
  addressOf(host: string, port: number): string;
  redisPrefix(url: string): string;
  asLogin(url: string, login: { user: string; password: string }): string;
}
interface Provision {
  loginsFor(
    url: string,
    passwords: object,
  ): Record<'gateway' | 'refreshWorker' | 'syncWorker' | 'deliveryWorker', { user: string }>;
}

const KEPT = {
  AUTH_JWT_SECRET: 'kept-secret',
  AUTH_ISSUER: 'i',
  AUTH_AUDIENCE: 'a',
  TOKEN_KEYS: 'k:1',
  LOCAL_ORG_ID: 'o',
};
let apps: Apps;
let loginsFor: Provision['loginsFor'];
beforeAll(async () => {
  apps = await launcher('apps');
  ({ loginsFor } = await launcher<Provision>('provision'));
});

describe('local defaults', () => {
  it('fill in what nobody has set', () => {
    expect(apps.localDefaults({}, KEPT, '/data')).toMatchObject({
      HOST: '127.0.0.1',
      PORT: '3000',
      PUBLIC_URL: 'http://localhost:3000',
      SITE_URL: 'http://localhost:3000',
      AUTH_JWT_SECRET: 'kept-secret',
      SPOOL_DIR: '/data/spool',
    });
  });

  it('follow a given PORT and PUBLIC_URL', () => {
    expect(apps.localDefaults({ PORT: '4000' }, KEPT, '/data').PUBLIC_URL).toBe('http://localhost:4000');
    expect(apps.localDefaults({ PUBLIC_URL: 'https://hub.example' }, KEPT, '/data').SITE_URL).toBe(
      'https://hub.example',
    );
  });

  it('never stand beside a secret that comes as a file', () => {
    const settings = apps.localDefaults({ TOKEN_KEYS_FILE: '/run/keys', AUTH_JWT_SECRET: 'given' }, KEPT, '/data');
    expect(settings).toMatchObject({ TOKEN_KEYS_FILE: '/run/keys', AUTH_JWT_SECRET: 'given' });
    expect(settings).not.toHaveProperty('TOKEN_KEYS');
  });
});

it.each([
  ['127.0.0.1', 'http://localhost:3000', true],
  ['::1', 'http://[::1]:3000', true],
  ['localhost', 'http://127.8.8.8:3000', true],
  ['0.0.0.0', 'http://localhost:3000', false],
  ['127.0.0.1', 'https://hub.example', false],
  ['127.0.0.1', 'http://localhost.example', false],
  ['127.0.0.1', 'nonsense', false],
])('a stack on %s called %s: reachable from this machine alone is %s', (HOST, PUBLIC_URL, expected) => {
  expect(apps.isLocalOnly({ HOST, PUBLIC_URL })).toBe(expected);
});

it.each([
  ['127.0.0.1', 'http://127.0.0.1:80'],
  ['0.0.0.0', 'http://127.0.0.1:80'],
  ['::1', 'http://[::1]:80'],
])('reaches an app that listens on %s at %s', (host, url) => {
  expect(apps.addressOf(host, 80)).toBe(url);
});

describe('a database', () => {
  it('gives each stack its own corner of a Redis', () => {
    const prefix = apps.redisPrefix('postgres://u:p@db.example/hub');
    expect(prefix).toMatch(/^hub-[0-9a-f]{8}$/);
    expect(apps.redisPrefix('postgres://other@db.example:5432/hub')).toBe(prefix);
    expect(apps.redisPrefix('postgres://u:p@db.example/hub2')).not.toBe(prefix);
  });

  it('is reached by an app as its own login', () => {
    const url = apps.asLogin('postgres://root:top@db.example:6432/hub?sslmode=require', {
      user: 'hub_x',
      password: 'p@ss/w',
    });
    expect(url).toBe('postgres://hub_x:p%40ss%2Fw@db.example:6432/hub?sslmode=require');
  });

  it('has logins named after it, since roles belong to the whole server', () => {
    const logins = loginsFor('postgres://root@db.example/My-Hub%201', {});
    expect(Object.values(logins).map(({ user }) => user)).toEqual([
      'hub_gateway_my_hub_1',
      'hub_refresh_worker_my_hub_1',
      'hub_sync_worker_my_hub_1',
      'hub_delivery_worker_my_hub_1',
    ]);
    expect(loginsFor(`postgres://root@db.example/${'x'.repeat(80)}`, {}).gateway.user).toHaveLength(63);
  });
});

it('a worker is given the time for a call to a provider and its commit before it is killed', () => {
  const workers = apps.APPS.filter(({ name }) => name.endsWith('worker'));
  expect(workers).toHaveLength(3);
  for (const { stopMs } of workers) expect(stopMs).toBeGreaterThan(20_000);
});
