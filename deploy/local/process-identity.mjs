import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

/**
 * What tells a process from a later one with the same number: when it started, and in which boot of the machine.
 * @param {number} pid
 * @returns {string | undefined} undefined when there is no such process
 */
export function identityOf(pid) {
  if (process.platform === 'linux') return identityFromProc(pid);
  if (process.platform === 'win32') return isThere(pid) ? 'unknown' : undefined;
  const started = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim();
  return started || undefined;
}

/**
 * @param {{ pid: number, identity: string }} known
 * @returns {boolean} whether that very process still runs
 */
export function isStillRunning({ pid, identity }) {
  return Number.isInteger(pid) && pid > 0 && identityOf(pid) === identity;
}

function identityFromProc(pid) {
  try {
    // The second field is the command in brackets and may hold anything, so count from the last bracket on.
    const fields = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s/s, '')
      .split(' ');
    const [state, startedAt] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return undefined; // ended, only not yet collected by its parent
    return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${startedAt}`;
  } catch {
    return undefined;
  }
}

function isThere(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
