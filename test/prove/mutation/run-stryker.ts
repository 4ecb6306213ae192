import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ROOT } from '../servers/launchers';
import { strykerOptions, type MutatedLib } from './lib';
import { scoreOf, type MutationReport, type MutationScore } from './score';

const STRYKER = 'node_modules/@stryker-mutator/core/bin/stryker.js';

/** Still a good share of a busy processor. */
const GIVES_WAY = os.constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * Tries every mutant of a lib.
 *
 * @param folder where options, log and report are kept
 * @param atEnd  is told what ends the run before its time
 */
export async function runStryker(
  lib: MutatedLib,
  folder: string,
  atEnd: (end: () => Promise<void>) => void,
): Promise<MutationScore> {
  const inFolder = (file: string): string => path.join(folder, file);
  const sandbox = `.cache/mutation/${lib.name}`;
  const removeSandbox = (): void =>
    fs.rmSync(path.join(ROOT, sandbox), { recursive: true, force: true, maxRetries: 3 });
  removeSandbox(); // of a run that was killed
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(
    inFolder('stryker.json'),
    JSON.stringify(strykerOptions(lib, { report: path.relative(ROOT, inFolder('report.json')), sandbox }), null, 2),
  );
  const log = fs.openSync(inFolder('stryker.log'), 'w');
  const child = spawn(process.execPath, [STRYKER, 'run', inFolder('stryker.json')], {
    cwd: ROOT,
    detached: true, // so that its test runners end with it
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  atEnd(async () => {
    stopGroup(child.pid);
    await Promise.race([ended, wait(5_000)]);
    removeSandbox();
  });
  // It only computes: the hubs of the scenarios beside it go first.
  if (child.pid !== undefined) os.setPriority(child.pid, Math.max(os.getPriority(), GIVES_WAY));
  if ((await ended) !== 0) throw new Error(`Stryker did not come to its end:\n${lastLines(inFolder('stryker.log'))}`);
  return scoreOf(JSON.parse(fs.readFileSync(inFolder('report.json'), 'utf8')) as MutationReport);
}

function stopGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function lastLines(file: string): string {
  return fs.readFileSync(file, 'utf8').trimEnd().split('\n').slice(-25).join('\n');
}
