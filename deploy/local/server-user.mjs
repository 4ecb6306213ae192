import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { Refusal } from './refusal.mjs';

/** @typedef {{ uid: number, gid: number } | {}} ServerUser empty when servers run as the current user */

/**
 * The user that PostgreSQL runs as: it refuses to run as root, so root lends it an unprivileged user that exists.
 * @param {string} dataDir a data folder that exists already decides: its files belong to somebody
 * @returns {ServerUser}
 */
export function serverUser(dataDir) {
  if (process.getuid?.() !== 0) return {};
  const owner = fs.statSync(dataDir, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = knownUsers();
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user)
    throw new Refusal(
      'PostgreSQL does not run as root, and this system has no user "postgres" or "nobody": run the command as a plain user.',
    );
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/**
 * @param {ServerUser} user
 * @returns {string | undefined} what the system calls him; undefined when servers run as the current user
 */
export function serverUserName(user) {
  return 'uid' in user ? knownUsers().find(([, , uid]) => Number(uid) === user.uid)?.[0] : undefined;
}

function knownUsers() {
  return fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

/**
 * @param {string} folder
 * @param {ServerUser} user
 * @returns {boolean} whether that user can reach what lies in the folder
 */
export function canEnter(folder, user) {
  if (!('uid' in user)) return true;
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** Gives a file or folder to the user that the server runs as. */
export function giveTo(user, file) {
  if ('uid' in user) fs.chownSync(file, user.uid, user.gid);
}
