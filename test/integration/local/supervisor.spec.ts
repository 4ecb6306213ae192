import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { eventually } from '../../support/eventually';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Guard {
  close(): Promise<void>;
}
interface Supervisor {
  start(spec: object): Promise<void>;
  stop(names: string[]): Promise<void>;
  hurry(): void;
}
interface Failure {
  name: string;
  how: string;
  lines: string[];
}

const folder = temporaryFolder();
let guard: Guard;
let said: string[];
let failures: Failure[];
let supervisor: Supervisor;

beforeEach(async () => {
  const { Guard } = await launcher<{ Guard: new () => Guard }>('guard');
  const { Supervisor } = await launcher<{ Supervisor: new (around: object) => Supervisor }>('supervisor');
  guard = new Guard();
  said = [];
  failures = [];
  supervisor = new Supervisor({
    guard,
    say: (line: string) => said.push(line),
    onLine: () => undefined,
    onGivenUp: (failure: Failure) => failures.push(failure),
  });
});
afterEach(() => guard.close());

/** A program that says `ready` and its process number, then does what the script says. */
function program(script: string, more: object = {}) {
  const file = path.join(folder(), `${Math.random()}.js`);
  const pidFile = `${file}.pid`;
  const keepRunning = 'setInterval(() => {}, 1000);';
  fs.writeFileSync(
    file,
    `require('fs').appendFileSync(${JSON.stringify(pidFile)}, process.pid + '\\n'); ${keepRunning} ${script}`,
  );
  const pids = () => (fs.existsSync(pidFile) ? fs.readFileSync(pidFile, 'utf8').trim().split('\n').map(Number) : []);
  return {
    pids,
    spec: {
      name: 'stub',
      command: process.execPath,
      args: [file],
      options: { env: process.env },
      ready: /ready/,
      signals: [['SIGTERM', 300]],
      ...more,
    },
  };
}

const isRunning = (pid: number | undefined) => pid !== undefined && fs.existsSync(`/proc/${pid}`);

it('names a child that dies and starts it again', async () => {
  const { spec, pids } = program("console.log('ready')");
  await supervisor.start(spec);
  process.kill(pids()[0]!, 'SIGKILL');
  await eventually('a second run', () => Promise.resolve(pids().length === 2 || undefined));
  expect(said).toEqual(['stub was ended by SIGKILL; starting it again in 0.25 s.']);
  await supervisor.stop(['stub']);
  expect(isRunning(pids()[1])).toBe(false);
  expect(failures).toEqual([]);
});

it('gives up, with the last words, on a child that never comes up', async () => {
  const { spec, pids } = program("console.error('TOKEN_KEYS is missing'); process.exit(3)");
  void supervisor.start(spec);
  await eventually('the end', () => Promise.resolve(failures[0]));
  expect(failures).toEqual([{ name: 'stub', how: 'ended with exit code 3', lines: ['TOKEN_KEYS is missing'] }]);
  expect(pids()).toHaveLength(2);
});

it('gives up on a child that runs but does not become ready', async () => {
  const { spec } = program('', { readyMs: 400 });
  void supervisor.start(spec);
  await eventually('the end', () => Promise.resolve(failures[0]));
  expect(failures[0]).toMatchObject({ name: 'stub', how: 'was not ready after 0.4 s' });
  await supervisor.stop(['stub']);
});

it('ends a child that does not heed the request to stop', async () => {
  const { spec, pids } = program("process.on('SIGTERM', () => {}); console.log('ready')");
  await supervisor.start(spec);
  await supervisor.stop(['stub']);
  expect(isRunning(pids()[0])).toBe(false);
});

it('does not wait any longer once asked to hurry', async () => {
  const { spec, pids } = program("process.on('SIGTERM', () => {}); console.log('ready')", {
    signals: [['SIGTERM', 30_000]],
  });
  await supervisor.start(spec);
  const startedAt = Date.now();
  setTimeout(() => supervisor.hurry(), 100);
  await supervisor.stop(['stub']);
  expect(Date.now() - startedAt).toBeLessThan(3_000);
  expect(isRunning(pids()[0])).toBe(false);
});

it('leaves nothing behind when the process that started it is killed', async () => {
  const { spec, pids } = program("console.log('ready')");
  const extra = path.join(folder(), 'extra');
  fs.mkdirSync(extra);
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT, JSON.stringify(spec), extra], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => parent.stdout.once('data', resolve));
  expect(isRunning(pids()[0])).toBe(true);
  parent.kill('SIGKILL');
  await eventually('the end of both', () =>
    Promise.resolve((!isRunning(pids()[0]) && !fs.existsSync(extra)) || undefined),
  );
});

const PARENT = `
  import { Guard } from '${process.cwd()}/deploy/local/guard.mjs';
  import { Child } from '${process.cwd()}/deploy/local/child.mjs';
  const [spec, folder] = process.argv.slice(-2);
  const guard = new Guard();
  guard.removeAtEnd(folder);
  const child = new Child({ ...JSON.parse(spec), ready: /ready/ }, { guard });
  await child.becomesReady();
  console.log('up');
`;
