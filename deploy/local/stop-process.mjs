import { setTimeout as wait } from 'node:timers/promises';
import { isStillRunning } from './process-identity.mjs';

/**
 * @typedef {object} Stoppable a process that leads a process group of its own
 * @property {number} pid
 * @property {string} identity
 * @property {Array<[signal: NodeJS.Signals, graceMs: number]>} signals what to send, and how long to wait before the next
 */

/**
 * Stops a process that is not our child, or may be another's by now: it is asked for its identity before every signal.
 * Ends with SIGKILL to its whole group.
 * @param {Stoppable} target
 */
export async function stopProcess(target) {
  for (const [signal, graceMs] of target.signals) {
    if (!isStillRunning(target)) return;
    send(target.pid, signal);
    await goneWithin(target, graceMs);
  }
  if (!isStillRunning(target)) return;
  send(-target.pid, 'SIGKILL');
  await goneWithin(target, 2_000);
}

async function goneWithin(target, limitMs) {
  const until = Date.now() + limitMs;
  while (isStillRunning(target) && Date.now() < until) await wait(50);
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended just now, or belongs to another user: both are seen by looking whether it still runs.
  }
}
