import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from '../servers/launchers';

/** A program that ended, and all that it wrote. */
export interface Ended {
  readonly what: string;
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

const ENDS_WITHIN_MS = 30_000;

/** Runs an app of the hub to its end: a command, or a start that must fail. */
export async function runToEnd(
  dist: string,
  app: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Ended> {
  const leash = path.join(ROOT, 'test/support/leash.cjs');
  const main = path.join(dist, 'apps', app, 'src/main.js');
  const child = spawn(process.execPath, ['--require', leash, main, ...args], { env: environment, cwd: ROOT });
  child.stdin.on('error', () => undefined); // it ended
  const text = { out: '', err: '' };
  child.stdout.on('data', (more: Buffer) => (text.out += more.toString()));
  child.stderr.on('data', (more: Buffer) => (text.err += more.toString()));
  const overdue = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(overdue);
  return { what: [app, args[0], args[1]].filter(Boolean).join(' '), exitCode, ...text };
}
