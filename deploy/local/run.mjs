import { spawn } from 'node:child_process';
import { root } from './root.mjs';
import { Refusal } from './refusal.mjs';

/** Commands under way, so that a stop in the middle of an installation leaves none behind. */
const running = new Set();
let isStopping = false;

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { input?: string }} [options] the output is gathered unless stdio says otherwise
 * @returns {Promise<{ ok: boolean, code: number | null, signal: string | null, stdout: string, stderr: string, error?: NodeJS.ErrnoException }>}
 */
export function run(command, args, { input, ...options } = {}) {
  if (isStopping) return Promise.reject(new Refusal('Nothing is started any more: the command is being stopped.'));
  return new Promise((resolve) => {
    const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
    const child = spawn(command, args, { cwd: root, stdio, ...options });
    running.add(child);
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (output.stderr += text));
    child.stdin?.on('error', () => {}); // it ended without reading: its exit code tells
    child.stdin?.end(input);
    const finish = (answer) => {
      running.delete(child);
      resolve({ ...output, ...answer });
    };
    child.once('error', (error) => finish({ ok: false, code: null, signal: null, error }));
    child.once('close', (code, signal) => finish({ ok: code === 0, code, signal }));
  });
}

/** Ends every command that is under way, waits until they are gone, and lets none begin. */
export async function stopCommands() {
  isStopping = true;
  await Promise.all([...running].map(stopCommand));
}

function stopCommand(child) {
  return new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 3_000).unref();
  });
}
