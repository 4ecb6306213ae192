import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { identityOf, isStillRunning } from './process-identity.mjs';

const TAKEOVER_MS = 5_000; // clearing a stale lock takes a moment; a claim on it older than this was left by a crash

/**
 * @typedef {{ pid: number, identity: string }} Holder
 * @typedef {{ release: () => void } | { heldBy: Holder }} LockAnswer
 */

/**
 * Tries to take a lock that ends with this process, however it ends: a lock whose holder is gone counts as free.
 * @param {string} file
 * @returns {LockAnswer}
 */
export function tryLock(file) {
  const mine = { pid: process.pid, identity: identityOf(process.pid) };
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (;;) {
      try {
        fs.linkSync(draft, file); // appears whole or not at all
        return { release: () => fs.rmSync(file, { force: true }) };
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readHolder(file);
      if (holder && isStillRunning(holder)) return { heldBy: holder };
      clearStale(file);
    }
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/**
 * Runs one task at a time among all processes that use the same lock file.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} task
 * @param {(holder: Holder) => void} [onWait] called once, when another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(file, task, onWait) {
  let lock = tryLock(file);
  if ('heldBy' in lock) onWait?.(lock.heldBy);
  while ('heldBy' in lock) {
    await wait(200);
    lock = tryLock(file);
  }
  try {
    return await task();
  } finally {
    lock.release();
  }
}

function readHolder(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined; // gone meanwhile, or cut short by a full disk
  }
}

/** Only one process may clear a stale lock: two that found it stale must not remove each other's fresh one. */
function clearStale(file) {
  const claim = `${file}.takeover`;
  try {
    fs.mkdirSync(claim);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const since = fs.statSync(claim, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > TAKEOVER_MS) fs.rmSync(claim, { recursive: true, force: true });
    return;
  }
  try {
    const holder = readHolder(file);
    if (!holder || !isStillRunning(holder)) fs.rmSync(file, { force: true });
  } finally {
    fs.rmSync(claim, { recursive: true, force: true });
  }
}
