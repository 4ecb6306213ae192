import fs from 'node:fs';
import path from 'node:path';
import { stopLeftovers } from './guard.mjs';
import { tryLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';
import { forPeople } from './root.mjs';

/**
 * @typedef {object} DataDir a data folder that this process alone may use
 * @property {string} path
 * @property {string} record the file that keeps which servers run on it
 * @property {() => void} release
 */

/**
 * Opens the data folder for one stack. What a killed start left running on it is stopped first.
 * @param {string} folder
 * @param {(line: string) => void} say
 * @returns {Promise<DataDir>}
 */
export async function openDataDir(folder, say) {
  makeFolder(folder);
  const lock = tryLock(path.join(folder, 'lock'));
  if ('heldBy' in lock)
    throw new Refusal(
      `Another npm start (process ${lock.heldBy.pid}) uses ${forPeople(folder)}: stop it, or start beside it with PORT and HUB_DATA_DIR set to others.`,
    );
  const record = path.join(folder, 'processes.json');
  await stopLeftovers(record, say);
  return { path: folder, record, release: lock.release };
}

function makeFolder(folder) {
  try {
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    // As root, PostgreSQL's unprivileged user must pass through it (not look into it); everybody else shuts it.
    if (!fs.existsSync(folder)) fs.mkdirSync(folder, { mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Refusal(`The data folder ${folder} cannot be made there: set HUB_DATA_DIR to another one.`, {
      cause: error,
    });
  }
}
