import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { eventually } from '../../support/eventually';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

const START_MS = 110_000;
const parent = temporaryFolder();
let environment: Record<string, string>;

beforeAll(async () => {
  const { plainEnvironment } = await launcher<{ plainEnvironment(): Record<string, string> }>('environment');
  const { drawPort } = await launcher<{ drawPort(): Promise<number> }>('ports');
  environment = {
    ...plainEnvironment(),
    PORT: String(await drawPort()),
    HUB_DATA_DIR: path.join(parent(), 'data'),
    HUB_ENV_FILE: path.join(parent(), 'no.env'), // a developer's own settings are not for tests
    npm_lifecycle_event: 'start', // as npm sets it: the stack then ends when we do, however we end
  };
});

/** A stack as `npm start` runs it, without npm. */
class Start {
  output = '';
  readonly ended: Promise<number | null>;
  readonly process: ChildProcess;

  constructor(more: Record<string, string> = {}) {
    const child = spawn(process.execPath, ['deploy/local/start.mjs'], { env: { ...environment, ...more } });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.ended = new Promise((resolve) => child.once('close', resolve));
    this.process = child;
  }

  async ready(): Promise<this> {
    let code: number | null | undefined;
    void this.ended.then((exitCode) => (code = exitCode));
    await eventually(
      'the stack to be ready',
      () => {
        if (code !== undefined) throw new Error(`npm start ended with ${code}:\n${this.output}`);
        return Promise.resolve(this.output.includes('A first call:'));
      },
      { withinMs: START_MS },
    );
    return this;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.process.kill(signal);
    return this.ended;
  }

  /** What it has started, the guardian aside. */
  children(): number[] {
    const record = fs.readFileSync(path.join(environment.HUB_DATA_DIR!, 'processes.json'), 'utf8');
    return (JSON.parse(record) as Array<{ pid: number }>).map(({ pid }) => pid);
  }

  childOf(app: string): number {
    const pid = this.children().find((candidate) =>
      fs.readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes(`dist/apps/${app}/`),
    );
    if (pid === undefined) throw new Error(`${app} does not run`);
    return pid;
  }
}

const isRunning = (pid: number) => fs.existsSync(`/proc/${pid}`);

describe('a stack', () => {
  let stack: Start;
  beforeAll(async () => {
    stack = await new Start().ready();
  }, 240_000);
  afterAll(() => stack.stop('SIGKILL'));

  it('prints a token and a first call that work', async () => {
    const [, authorization, url] = /curl -H 'Authorization: (Bearer [\w.-]+)' (\S+)/.exec(stack.output)!;
    const answer = await fetch(url!, { headers: { authorization: authorization! } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toHaveProperty('integrations');
    expect(stack.output).toContain(`http://localhost:${environment.PORT}/integrations`);
  });

  it('has its data for itself, and its port, and says so in one sentence each', async () => {
    const second = new Start({ PORT: '1' });
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(/^Another npm start \(process \d+\) uses .*: stop it, or .*\.\n$/);
    const beside = new Start({ HUB_DATA_DIR: path.join(parent(), 'beside') });
    expect(await beside.ended).toBe(1);
    expect(beside.output).toMatch(/^Port \d+ is in use: stop what listens there, or take another one with .*\n$/);
  });

  it('names an app that dies and starts it again', async () => {
    const before = stack.childOf('refresh-worker');
    process.kill(before, 'SIGKILL');
    await eventually('another refresh-worker', () => {
      const line = 'refresh-worker was ended by SIGKILL; starting it again in 0.25 s.';
      return Promise.resolve(stack.output.includes(line) && stack.children().length >= 7);
    });
    expect(stack.childOf('refresh-worker')).not.toBe(before);
  });

  it('stops, and leaves nothing but its data', async () => {
    const children = stack.children();
    expect(children.length).toBeGreaterThanOrEqual(7);
    expect(await stack.stop('SIGINT')).toBe(0);
    expect(children.filter(isRunning)).toEqual([]);
    const left = fs.readdirSync(environment.HUB_DATA_DIR!);
    expect(left).not.toContain('lock');
    expect(left).not.toContain('processes.json');
  });
});

it('leaves no server behind when it is killed, and starts again on the same data', async () => {
  const stack = await new Start().ready();
  const children = stack.children();
  await stack.stop('SIGKILL');
  await eventually('every child to end', () => Promise.resolve(!children.some(isRunning)), { withinMs: 30_000 });
  const next = await new Start({ HUB_EXIT_WHEN_READY: '1' }).ready();
  expect(await next.ended).toBe(0);
}, 240_000);

it('says in one sentence which database or Redis refuses', async () => {
  const noDatabase = new Start({ DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/hub' });
  expect(await noDatabase.ended).toBe(1);
  const noRedis = new Start({ REDIS_URL: 'redis://:secret@127.0.0.1:1' });
  expect(await noRedis.ended).toBe(1);
  expect(noRedis.output).toContain('Redis at 127.0.0.1:1 cannot be used');
  for (const { output } of [noDatabase, noRedis]) {
    expect(output).toContain('127.0.0.1:1');
    expect(output).not.toMatch(/secret|\n\s+at /);
  }
}, 240_000);

it('makes tokens from the same data with nothing running, and nothing but the token on stdout', () => {
  const org = '11111111-1111-4111-8111-111111111111';
  const args = ['token', '--org', org, '--sub', 'me', '--scope', 'tokens:read', '--ttl', '1h'];
  const { stdout, status } = spawnSync(process.execPath, ['deploy/local/hub.mjs', ...args], {
    env: environment,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
});
