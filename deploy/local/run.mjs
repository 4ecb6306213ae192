import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Refusal } from './refusal.mjs';
import { root } from './root.mjs';

const GRACE_MS = 3_000;

/** Commands under way, so that a stop in the middle of an installation leaves none behind. */
const running = new Map();
let isStopping = false;

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { ownPace?: boolean }} [options] the output is gathered unless
 *   stdio says otherwise; ownPace: once asked to stop, it may take the time it needs
 * @returns {Promise<{ ok: boolean, code: number | null, signal: string | null, stdout: string, stderr: string, error?: NodeJS.ErrnoException }>}
 */
export function run(command, args, { ownPace = false, ...options } = {}) {
  if (isStopping) return Promise.reject(new Refusal('Stopped.'));
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.set(child, { ownPace });
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (output.stderr += text));
    const finish = (answer) => {
      running.delete(child);
      resolve({ ...output, ...answer });
    };
    child.once('error', (error) => finish({ ok: false, code: null, signal: null, error }));
    child.once('close', (code, signal) => finish({ ok: code === 0, code, signal }));
  });
}

/**
 * Runs a program in our place: it has our terminal, and its exit code is ours.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export async function runInOurPlace(command, args, options) {
  const { code, signal, error } = await run(command, args, { stdio: 'inherit', ...options, ownPace: true });
  if (error) throw error;
  return code ?? exitCodeOf(signal);
}

/** What a shell makes of a signal that ended a program. */
export const exitCodeOf = (signal) => 128 + (constants.signals[signal] ?? 0);

/**
 * Ends every command that is under way, waits until they are gone, and lets none begin.
 * @param {NodeJS.Signals} [signal]
 * @returns {Promise<number>} how many there were
 */
export async function stopCommands(signal = 'SIGTERM') {
  isStopping = true;
  const commands = [...running];
  await Promise.all(commands.map(([child, { ownPace }]) => stopCommand(child, signal, ownPace)));
  return commands.length;
}

function stopCommand(child, signal, ownPace) {
  return new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
    child.kill(signal);
    if (!ownPace) setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
  });
}
