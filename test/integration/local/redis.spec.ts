import fs from 'node:fs';
import path from 'node:path';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Child {
  becomesReady(): Promise<{ ready: boolean }>;
  stop(): Promise<void>;
}
interface Spec {
  label: string;
  keepsData: boolean;
}
interface Guard {
  close(): Promise<void>;
}

const PASSWORD = 'redis-password';
const parent = temporaryFolder();
let port: number;
let guard: Guard;
let prepareRedis: (options: object) => Promise<Spec>;
let start: (spec: Spec) => Promise<Child>;

beforeAll(async () => {
  ({ prepareRedis } = await launcher<{ prepareRedis: typeof prepareRedis }>('redis'));
  port = await (await launcher<{ drawPort(): Promise<number> }>('ports')).drawPort();
  const { Guard } = await launcher<{ Guard: new () => Guard }>('guard');
  const { Child } = await launcher<{ Child: new (spec: Spec, around: object) => Child }>('child');
  guard = new Guard();
  start = async (spec) => {
    const child = new Child(spec, { guard });
    expect(await child.becomesReady()).toEqual({ ready: true });
    return child;
  };
});
afterAll(() => guard.close());

const prepare = (mode: string) =>
  prepareRedis({
    folder: path.join(parent(), 'redis'),
    cacheFolder: path.join(process.cwd(), '.cache'),
    port,
    password: PASSWORD,
    mode,
  });
const connect = (password = PASSWORD) => {
  const options = { port, password, retryStrategy: () => null, maxRetriesPerRequest: 0, lazyConnect: true };
  return new Redis(options).on('error', () => undefined); // the refused command tells
};

/** Adds jobs and waits until a worker has done all of them, one on its second try. */
async function work(): Promise<string[]> {
  const connection = { port, host: '127.0.0.1', password: PASSWORD };
  const queue = new Queue('stub', { connection });
  const done: string[] = [];
  const worker = new Worker(
    'stub',
    (job) => {
      if (job.name === 'twice' && job.attemptsMade === 0) throw new Error('again');
      done.push(job.name);
      return Promise.resolve();
    },
    { connection: { ...connection, maxRetriesPerRequest: null } },
  );
  await queue.add('twice', {}, { attempts: 2, backoff: { type: 'fixed', delay: 50 } });
  await queue.add('late', {}, { delay: 100 });
  await queue.add('once', {});
  while (done.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  await worker.close();
  await queue.close();
  return done.sort();
}

/** A way that cannot be had here is told to npm test, which fails for it where every tool must be there. */
function leaveOut(tool: string, reason: string): void {
  const notes = path.join(process.cwd(), '.cache/test-skips');
  fs.mkdirSync(notes, { recursive: true });
  fs.writeFileSync(path.join(notes, `${tool}.json`), JSON.stringify({ tool, reason }));
}

describe.each(['debian', 'wasm'])('a Redis by way of %s', (mode) => {
  let spec: Spec | undefined;
  beforeAll(async () => {
    spec = await prepare(mode).catch((error: Error) => {
      leaveOut(`redis-${mode}`, error.message);
      return undefined;
    });
  }, 180_000);

  it('carries queues, and asks for the password', async () => {
    if (!spec) return;
    const child = await start(spec);
    expect(spec.label).toMatch(/\d+\.\d+\.\d+/);
    expect(await work()).toEqual(['late', 'once', 'twice']);
    await expect(connect('').ping()).rejects.toThrow(/NOAUTH|closed|max retries/i);
    const client = connect();
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    client.disconnect();
    await child.stop();
  });

  it('keeps its data over a restart, or says that it does not', async () => {
    if (!spec) return;
    let child = await start(spec);
    let client = connect();
    await client.set('kept', 'yes');
    client.disconnect();
    await child.stop();
    child = await start(spec);
    client = connect();
    expect(await client.get('kept')).toBe(spec.keepsData ? 'yes' : null);
    client.disconnect();
    await child.stop();
  });
});

it('names a mode that it does not know', async () => {
  await expect(prepare('docker')).rejects.toThrow('HUB_REDIS_MODE is "docker": set it to auto, path, debian or wasm.');
});

describe('a server on PATH', () => {
  const path0 = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path0;
  });
  const onPath = (version: string) => {
    const bin = fs.mkdtempSync(path.join(parent(), 'bin-'));
    const script = `#!/bin/sh\necho "Redis server v=${version} sha=00000000:0 malloc=libc bits=64"\n`;
    fs.writeFileSync(path.join(bin, 'redis-server'), script, { mode: 0o755 });
    process.env.PATH = `${bin}${path.delimiter}/usr/bin${path.delimiter}/bin`;
  };

  it('is taken when it is recent enough for the queues', async () => {
    onPath('7.2.4');
    expect((await prepare('path')).label).toBe('redis-server 7.2.4');
  });

  it('is passed over when it is too old', async () => {
    onPath('5.0.14');
    await expect(prepare('path')).rejects.toThrow('HUB_REDIS_MODE is "path", but no Redis can be had that way here');
  });
});
