import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { canEnter, serverUser } from './server-user.mjs';

/**
 * The folder for PostgreSQL's data: inside the data folder, or, where root's checkout lies out of reach of the user that
 * PostgreSQL runs as, in a folder of its own under the system's lasting temporary folder; `where.json` remembers which.
 * @param {string} dataDir
 * @returns {string}
 */
export function placeForPostgres(dataDir) {
  const near = path.join(dataDir, 'postgres');
  const note = path.join(dataDir, 'where.json');
  const noted = readNote(note);
  if (noted && isOurs(path.dirname(noted))) return noted;
  if (fs.existsSync(near) || canEnter(dataDir, serverUser(near))) return near;
  const far = path.join(makeFarFolder(), 'postgres');
  fs.writeFileSync(note, `${JSON.stringify({ postgres: far })}\n`);
  return far;
}

/** The system's folder for temporary files that survive a restart of the machine. */
export function lastingTemp() {
  return fs.existsSync('/var/tmp') ? '/var/tmp' : os.tmpdir();
}

/** A folder that other users could have made first is not trusted with data or programs. */
export function isOurs(folder) {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false });
  return Boolean(stat?.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0);
}

function makeFarFolder() {
  const folder = fs.mkdtempSync(path.join(lastingTemp(), 'integrations-hub-'));
  fs.chmodSync(folder, 0o711); // to be passed through, not looked into
  return folder;
}

function readNote(note) {
  try {
    return JSON.parse(fs.readFileSync(note, 'utf8')).postgres;
  } catch {
    return undefined;
  }
}
