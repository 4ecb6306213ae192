import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { listenForStop } from './stop-signals.mjs';

/**
 * Runs a program in our place: it has our terminal, gets our signals, and its exit code is ours.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export function runInForeground(command, args, options) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const pass = (signal) => child.kill(signal);
  listenForStop({ onStop: pass, onHurry: pass });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
