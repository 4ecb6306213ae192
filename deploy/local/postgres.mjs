import fs from 'node:fs';
import path from 'node:path';
import { postgresBinaries } from './postgres-binaries.mjs';
import { asRefusal, Refusal } from './refusal.mjs';
import { run } from './run.mjs';
import { giveTo, serverUser } from './server-user.mjs';
import { stopOtherPostmaster } from './postmaster.mjs';

const SUPERUSER = 'postgres';
const DRAFT = '.new-';

// Nothing of the caller's environment: PGOPTIONS, PGDATA and the like would change the server.
const ENVIRONMENT = {
  PATH: process.env.PATH,
  LC_ALL: 'C',
  TZ: 'UTC',
  ...(process.platform === 'win32' ? process.env : {}),
};

/**
 * Prepares a private PostgreSQL: its data folder exists afterwards, and the answer tells how to run the server.
 * @param {object} options
 * @param {string} options.folder its data folder
 * @param {number} options.port
 * @param {string} options.password of the superuser; counts when the data folder is made
 * @param {Record<string, string | number>} [options.settings] server settings, such as `fsync: 'off'`
 * @param {boolean} [options.lasting] false saves the time it takes to bring a new data folder safely to the disk
 * @returns {Promise<import('./child.mjs').ChildSpec & { label: string, isNew: boolean }>}
 */
export async function preparePostgres({ folder, port, password, settings = {}, lasting = true }) {
  const user = serverUser(folder);
  const { postgres, initdb, version } = await postgresBinaries(user);
  removeDrafts(folder);
  const isNew = !fs.existsSync(path.join(folder, 'PG_VERSION'));
  if (isNew) await makeDataFolder({ folder, initdb, user, password, lasting });
  requireMajor(folder, version.split('.')[0]);
  const all = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 200, ...settings };
  return {
    name: 'postgres',
    command: postgres,
    args: ['-D', folder, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    options: { env: ENVIRONMENT, cwd: '/', ...user },
    ready: /database system is ready to accept connections/,
    signals: [
      ['SIGINT', 20_000], // fast shutdown: sessions end, a checkpoint is written
      ['SIGQUIT', 3_000],
    ],
    hurrySignal: 'SIGQUIT', // leaves at once, without a checkpoint; the next start recovers
    beforeStart: () => stopOtherPostmaster(folder),
    label: `PostgreSQL ${version}`,
    isNew,
  };
}

/**
 * @param {{ port: number, password: string, database: string }} options
 * @returns {string} the superuser's URL
 */
export function adminUrl({ port, password, database }) {
  return `postgres://${SUPERUSER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/** @returns {boolean} whether a server failed only because somebody took its port meanwhile */
export const portWasTaken = (lines) => lines.some((line) => /address already in use/i.test(line));

/**
 * Why PostgreSQL does not start, for people.
 * @param {string[]} lines its last words
 * @param {{ folder: string, port: number }} where
 * @returns {string}
 */
export function whyNoPostgres(lines, { folder, port }) {
  const text = lines.join('\n');
  if (portWasTaken(lines))
    return `Port ${port} of PostgreSQL is in use: stop what listens there, or set POSTGRES_PORT to a free one.`;
  if (/no space left|disk quota/i.test(text))
    return `The disk is full, so PostgreSQL cannot start: make room and run the command again.`;
  if (/wrong ownership|invalid permissions|permission denied/i.test(text))
    return `PostgreSQL may not use ${folder}: run the command as the user that made it, or set HUB_DATA_DIR to another folder.`;
  if (/shared memory|semaphore/i.test(text))
    return `PostgreSQL gets no shared memory: end the other PostgreSQL that uses ${folder}, or raise the system's limits, and run the command again.`;
  return `PostgreSQL does not start: mend what its last lines say, or move ${folder} away to begin with an empty database.\n${text}`;
}

/** initdb writes into a draft: one that is cut short must not be taken for a database later. */
async function makeDataFolder({ folder, initdb, user, password, lasting }) {
  if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0)
    throw new Refusal(
      `${folder} holds something that is no PostgreSQL database: move it away and run the command again.`,
    );
  const draft = fs.mkdtempSync(`${folder}${DRAFT}`);
  const passwordFile = `${draft}.password`;
  try {
    giveTo(user, draft);
    fs.writeFileSync(passwordFile, password, { mode: 0o600 });
    giveTo(user, passwordFile);
    const access = ['-U', SUPERUSER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const args = ['-D', draft, ...access, '-E', 'UTF8', '--locale=C', '--no-instructions'];
    if (!lasting) args.push('--no-sync');
    const answer = await run(initdb, args, { ...user, env: ENVIRONMENT, cwd: '/' });
    if (!answer.ok) throw answer.error ? asRefusal(answer.error) : new Refusal(whyNoDataFolder(answer.stderr, folder));
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(draft, folder);
  } finally {
    removeDrafts(folder);
  }
}

/** Also those of a start that was killed; its initdb may still write, and then the next start removes them. */
function removeDrafts(folder) {
  const parent = path.dirname(folder);
  const drafts = fs.readdirSync(parent).filter((name) => name.startsWith(`${path.basename(folder)}${DRAFT}`));
  for (const name of drafts) {
    try {
      fs.rmSync(path.join(parent, name), { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'ENOTEMPTY') throw error;
    }
  }
}

function whyNoDataFolder(stderr, folder) {
  if (/no space left|disk quota/i.test(stderr))
    return `The disk is full, so no database can be made in ${folder}: make room and run the command again.`;
  return `PostgreSQL could not make its data folder ${folder}: mend what initdb says and run the command again.\n${stderr.trim()}`;
}

function requireMajor(folder, major) {
  const found = fs.readFileSync(path.join(folder, 'PG_VERSION'), 'utf8').trim();
  if (found !== major)
    throw new Refusal(
      `The database in ${folder} was made by PostgreSQL ${found}, and this checkout brings PostgreSQL ${major}: move the folder away to begin with an empty one, or run the checkout that made it.`,
    );
}
