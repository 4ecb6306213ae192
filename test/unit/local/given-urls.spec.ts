import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../../support/temporary-folder';

const CANARY = 'canary4711';
const folder = temporaryFolder();

/** Runs one of the commands with these settings alone; no .env is read, and nothing is started before they are looked at. */
function run(command: string, settings: Record<string, string>): Promise<{ code: number; said: string }> {
  const [script, ...args] = command.split(' ');
  const env = {
    PATH: process.env['PATH'],
    HUB_ENV_FILE: path.join(folder(), 'none'),
    HUB_DATA_DIR: path.join(folder(), 'data'),
    ...settings,
  };
  return new Promise((resolve) => {
    const program = path.join(process.cwd(), 'deploy/local', `${script}.mjs`);
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}

const DATABASE_URLS = [
  `postgres://admin:${CANARY}/x@db.example/hub`,
  `postgres://admin:12/${CANARY}@db.example/hub`,
  `postgres://admin:12#${CANARY}@db.example/hub`,
  `postgres://admin:${CANARY}%zz@db.example/hub`,
  `postgres//admin:${CANARY}@db.example/hub`,
  `http://admin:${CANARY}@db.example/hub`,
];
const REDIS_URLS = [
  `redis//:${CANARY}@redis.example:6379`,
  `http://:${CANARY}@redis.example:6379`,
  `redis://:${CANARY}/x@redis.example:6379`,
  `redis://:${CANARY}%zz@redis.example:6379`,
];
const cases = (command: string, name: string, values: string[]) =>
  values.map((value) => [command, name, value] as const);

it.each([
  ...['start', 'migrate', 'hub doctor'].flatMap((command) => cases(command, 'DATABASE_ADMIN_URL', DATABASE_URLS)),
  ...['start', 'migrate'].flatMap((command) => cases(command, 'DATABASE_URL', DATABASE_URLS)),
  ...cases('start', 'REDIS_URL', REDIS_URLS),
])(
  '%s names %s and repeats nothing of %s',
  async (command, name, value) => {
    const { code, said } = await run(command, { [name]: value });
    expect(said).toMatch(new RegExp(`(^|\\n|: |- )${name} is no (database|Redis) URL with a host: write it as `));
    expect(said).not.toContain(CANARY);
    expect(said).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
  },
  120_000,
);

it('start tells the mistakes of all settings at once', async () => {
  const { code, said } = await run('start', {
    AUTH_JWT_SECRET: CANARY,
    CONNECT_UNBOUND: 'maybe',
    DATABASE_URL: `postgres://admin:${CANARY}/x@db.example/hub`,
    HOST: '0.0.0.0',
    HUB_LOCAL: 'true',
    LOG_LEVEL: 'loud',
    PORT: 'http',
    POSTGRES_PORT: '0',
    REDIS_URL: `redis//:${CANARY}@redis.example:6379`,
    SYNC_EVERY: 'soon',
  });
  const named = [...said.matchAll(/^.*  - ([A-Z_]+)/gm)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual([
    'AUTH_JWT_SECRET',
    'CONNECT_UNBOUND',
    'DATABASE_URL',
    'HUB_LOCAL',
    'LOG_LEVEL',
    'PORT',
    'POSTGRES_PORT',
    'REDIS_URL',
    'SYNC_EVERY',
  ]);
  expect(said).not.toContain(CANARY);
  expect(code).toBe(1);
}, 120_000);

it.each([`{"gateway":{"user":"x","password":"${CANARY}"`, CANARY, `["${CANARY}"]`])(
  'migrate names HUB_DATABASE_LOGINS and repeats nothing of %s',
  async (text) => {
    const { code, said } = await run('migrate', {
      DATABASE_ADMIN_URL: 'postgres://admin@db.example/hub',
      HUB_DATABASE_LOGINS: text,
    });
    expect(said).toContain('HUB_DATABASE_LOGINS is no JSON object: write it as ');
    expect(said).not.toContain(CANARY);
    expect(said).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
  },
  120_000,
);

it('migrate reads DATABASE_ADMIN_URL_FILE, and never falls to a DATABASE_URL beside it', async () => {
  const file = path.join(folder(), 'url');
  fs.writeFileSync(file, `postgres://admin:${CANARY}/x@db.example/hub\n`);
  const { code, said } = await run('migrate', {
    DATABASE_ADMIN_URL_FILE: file,
    DATABASE_URL: 'postgres://app@127.0.0.1:1/hub',
  });
  expect(said).toContain('DATABASE_ADMIN_URL_FILE is no database URL with a host');
  expect(said).not.toContain(CANARY);
  expect(code).toBe(1);
}, 120_000);
