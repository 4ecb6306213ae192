import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Guard {
  close(): Promise<void>;
}
interface Child {
  pid: number;
  tail: string[];
  becomesReady(): Promise<{ ready: boolean }>;
  stop(): Promise<void>;
  ended: Promise<string>;
}
interface Spec {
  isNew: boolean;
  beforeStart(): Promise<void>;
}
interface Postgres {
  preparePostgres(options: object): Promise<Spec>;
  adminUrl(options: object): string;
  whyNoPostgres(lines: string[], where: object): string;
}

const PASSWORD = 'pa:ss/w%rd';
const parent = temporaryFolder();
let postgres: Postgres;
let port: number;
let guard: Guard;
let newChild: (spec: Spec) => Child;

beforeAll(async () => {
  postgres = await launcher('postgres');
  port = await (await launcher<{ drawPort(): Promise<number> }>('ports')).drawPort();
  const { Guard } = await launcher<{ Guard: new () => Guard }>('guard');
  const { Child } = await launcher<{ Child: new (spec: Spec, around: object) => Child }>('child');
  guard = new Guard();
  newChild = (spec) => new Child(spec, { guard });
});
afterAll(() => guard.close());

const folder = () => path.join(parent(), 'postgres');
const prepare = (more: object = {}) =>
  postgres.preparePostgres({ folder: folder(), port, password: PASSWORD, lasting: false, ...more });

async function start(): Promise<Child> {
  const spec = await prepare();
  await spec.beforeStart();
  const child = newChild(spec);
  expect(await child.becomesReady()).toEqual({ ready: true });
  return child;
}

async function query<T>(sql: string, password = PASSWORD): Promise<T[]> {
  const client = new Client({ connectionString: postgres.adminUrl({ port, password, database: 'postgres' }) });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

it('keeps its data from one start to the next, and asks for the password', async () => {
  const first = await start();
  await query('create table kept as select 42 as answer');
  await expect(query('select 1', 'wrong')).rejects.toThrow(/password authentication failed/);
  await first.stop();

  expect(await prepare()).toMatchObject({ isNew: false });
  const second = await start();
  expect(await query('select answer from kept')).toEqual([{ answer: 42 }]);
  await second.stop();
});

it('listens on this machine alone', async () => {
  const child = await start();
  expect(await query("select current_setting('listen_addresses') as at")).toEqual([{ at: '127.0.0.1' }]);
  await child.stop();
});

it('starts again after a crash', async () => {
  const child = await start();
  await query('create table survived as select 1 as one');
  process.kill(child.pid, 'SIGKILL');
  await child.ended;
  const next = await start();
  expect(await query('select one from survived')).toEqual([{ one: 1 }]);
  await next.stop();
});

it('stops a server that an earlier start left on the folder', async () => {
  const leftover = await start();
  const child = await start();
  expect(await leftover.ended).toBe('ended with exit code 0');
  await child.stop();
});

it('starts although the number in the lock file belongs to another program now', async () => {
  const lockFile = path.join(folder(), 'postmaster.pid');
  fs.writeFileSync(lockFile, `${process.pid}\n${folder()}\n1\n${port}\n\n127.0.0.1\n1 1\nready\n`, { mode: 0o600 });
  const { uid, gid } = fs.statSync(folder());
  fs.chownSync(lockFile, uid, gid);
  const child = await start();
  await child.stop();
});

it('begins anew when making the data folder was cut short', async () => {
  const cutShort = path.join(parent(), 'cut-short');
  fs.mkdirSync(`${cutShort}.new-abc`);
  fs.writeFileSync(path.join(`${cutShort}.new-abc`, 'PG_VERSION'), '18\n');
  expect(await prepare({ folder: cutShort })).toMatchObject({ isNew: true });
  expect(fs.readdirSync(parent()).filter((name) => name.includes('.new'))).toEqual([]);
});

it('refuses data of another major version, and says what to do', async () => {
  const old = path.join(parent(), 'old');
  fs.mkdirSync(old);
  fs.writeFileSync(path.join(old, 'PG_VERSION'), '14\n');
  await expect(prepare({ folder: old })).rejects.toThrow(
    /was made by PostgreSQL 14, and this checkout brings PostgreSQL \d+: move the folder away/,
  );
});

it('refuses a folder that holds something else', async () => {
  const other = path.join(parent(), 'other');
  fs.mkdirSync(other);
  fs.writeFileSync(path.join(other, 'letter.txt'), 'dear');
  await expect(prepare({ folder: other })).rejects.toThrow(/is no PostgreSQL database: move it away/);
});

it('says which port it cannot have', async () => {
  const child = await start();
  const second = newChild(await prepare({ folder: path.join(parent(), 'second') }));
  expect((await second.becomesReady()).ready).toBe(false);
  expect(postgres.whyNoPostgres(second.tail, { folder: folder(), port })).toBe(
    `Port ${port} of PostgreSQL is in use: stop what listens there, or set POSTGRES_PORT to a free one.`,
  );
  await child.stop();
});

it('runs as an unprivileged user when root starts it', async () => {
  if (process.getuid?.() !== 0) return; // only root has somebody else to run it as
  const child = await start();
  const owner = spawnSync('ps', ['-o', 'user=', '-p', String(child.pid)], { encoding: 'utf8' }).stdout.trim();
  expect(owner).not.toBe('root');
  await child.stop();
});
