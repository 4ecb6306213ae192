import fs from 'node:fs';
import path from 'node:path';
import { unpackDebianProgram } from './debian-packages.mjs';
import { run } from './run.mjs';
import { giveTo, serverUser, serverUserName } from './server-user.mjs';

// No app needs it, and npm start does not run it: only tests do, who look at the hub through it.

/**
 * @typedef {object} PgBouncerProgram
 * @property {string} command
 * @property {Record<string, string | undefined>} env
 * @property {string} version
 */

/**
 * PgBouncer, by the first way that works here: a program on PATH, or Debian's package unpacked beside the system.
 * @param {object} options
 * @param {string} options.fallbackFolder where an unpacked package goes when the user has no cache folder
 * @param {(line: string) => void} [options.say]
 * @returns {Promise<PgBouncerProgram | undefined>} undefined where none can be had
 */
export async function findPgBouncer({ fallbackFolder, say = () => {} }) {
  return (
    (await fromPath()) ??
    unpackDebianProgram({
      name: 'pgbouncer',
      title: 'PgBouncer',
      packages: ['pgbouncer'],
      // the names of several releases
      usualLibraries: ['libc-ares2', 'libcares2', 'libevent-2.1-7', 'libevent-2.1-7t64', 'libssl3', 'libssl3t64'],
      command: 'usr/sbin/pgbouncer',
      versionOf: pgBouncerVersion,
      fallbackFolder,
      say,
    })
  );
}

async function fromPath() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const command of folders.map((folder) => path.join(folder, 'pgbouncer')).filter((file) => fs.existsSync(file))) {
    const version = await pgBouncerVersion(command, process.env);
    if (version) return { command, env: process.env, version };
  }
  return undefined;
}

async function pgBouncerVersion(command, env) {
  const { stdout } = await run(command, ['--version'], { env });
  return /PgBouncer (\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

/**
 * Prepares a PgBouncer before a PostgreSQL on this machine.
 * @param {object} options
 * @param {PgBouncerProgram} options.program
 * @param {string} options.folder its own, for its files
 * @param {number} options.port
 * @param {number} options.postgresPort
 * @param {{ user: string, secret: string }[]} options.users who may log in; secret: a password, or the verifier as it
 *   stands in pg_authid, by which PgBouncer logs in to PostgreSQL too
 * @param {Record<string, string | number>} [options.settings] over the usual ones
 * @returns {import('./child.mjs').ChildSpec}
 */
export function preparePgBouncer({ program, folder, port, postgresPort, users, settings = {} }) {
  const user = serverUser(folder);
  const name = serverUserName(user);
  const file = (place, text) => {
    const at = path.join(folder, place);
    fs.writeFileSync(at, text, { mode: 0o600 });
    giveTo(user, at);
    return at;
  };
  const authFile = file(
    'users.txt',
    users.map(({ user: login, secret }) => `${quoted(login)} ${quoted(secret)}\n`).join(''),
  );
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: authFile,
    ...(name && { user: name }), // it does not serve as root
    ...settings,
  };
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${postgresPort}`,
    '[pgbouncer]',
    ...Object.entries(all).map(([key, value]) => `${key} = ${value}`),
  ];
  giveTo(user, folder);
  return {
    name: 'pgbouncer',
    command: program.command,
    args: [file('pgbouncer.ini', `${lines.join('\n')}\n`)],
    options: { env: program.env, cwd: '/' },
    ready: /process up: PgBouncer/,
    signals: [['SIGTERM', 1_000]], // newer ones would wait for whoever is connected
  };
}

const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
