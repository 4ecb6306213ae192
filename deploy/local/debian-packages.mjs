import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';

const LIMIT_MS = 120_000; // a machine without network must come to the next way soon

/**
 * @typedef {object} UnpackedProgram
 * @property {string} command
 * @property {Record<string, string | undefined>} env
 * @property {string} version
 */

/**
 * A program from the system's own Debian (or Ubuntu) mirror, unpacked into a cache folder: nothing is installed, no root
 * is needed, and apt checks the signatures.
 * @param {object} options
 * @param {string} options.name what its folder in the cache is called
 * @param {string} options.title what people call it
 * @param {string[]} options.packages
 * @param {string[]} options.usualLibraries what it needs where apt cannot work that out by itself; a release that does
 *   not know a name goes without it
 * @param {string} options.command its place in the packages, such as `usr/bin/redis-server`
 * @param {(command: string, env: Record<string, string | undefined>) => Promise<string | undefined>} options.versionOf
 *   undefined when it does not run
 * @param {string} options.fallbackFolder for users without a home
 * @param {(line: string) => void} options.say
 * @returns {Promise<UnpackedProgram | undefined>} undefined where that does not work
 */
export async function unpackDebianProgram(options) {
  const { name, title, fallbackFolder, say } = options;
  if (process.platform !== 'linux' || !(await hasTools())) return undefined;
  const folder = path.join(cacheFolder(fallbackFolder), `${name}-${release()}-${process.arch}`);
  const known = await programIn(folder, options);
  if (known) return known;
  return withLock(`${folder}.lock`, async () => {
    const unpacked = await programIn(folder, options);
    if (unpacked) return unpacked; // by the process that we waited for
    say(`Fetching ${title} with apt into a folder of its own; nothing is installed on the system.`);
    const draft = `${folder}.new`;
    fs.rmSync(draft, { recursive: true, force: true });
    try {
      await download(draft, options);
      for (const file of debsIn(draft)) await run('dpkg-deb', ['-x', file, path.join(draft, 'root')]);
      if (!(await programIn(draft, options))) return undefined;
      fs.rmSync(folder, { recursive: true, force: true });
      fs.renameSync(path.join(draft), folder);
    } finally {
      fs.rmSync(draft, { recursive: true, force: true });
    }
    return programIn(folder, options);
  });
}

async function hasTools() {
  const answers = await Promise.all([run('apt-get', ['--version']), run('dpkg-deb', ['--version'])]);
  return answers.every((answer) => answer.ok);
}

/**
 * One folder per user, for all checkouts.
 * @param {string} fallback for users without a home
 * @returns {string} it exists, and can be written
 */
export function cacheFolder(fallback) {
  const folder = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'integrations-hub');
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
    return folder;
  } catch {
    fs.mkdirSync(fallback, { recursive: true });
    return fallback;
  }
}

/** A release's programs need that release's libraries, so an upgraded system fetches anew. */
function release() {
  try {
    const fields = fs.readFileSync('/etc/os-release', 'utf8');
    const read = (name) => new RegExp(`^${name}="?([^"\n]+)`, 'm').exec(fields)?.[1] ?? 'unknown';
    return `${read('ID')}-${read('VERSION_ID')}`.replaceAll(/[^a-z0-9.-]/gi, '_');
  } catch {
    return 'unknown';
  }
}

async function programIn(folder, { command: place, versionOf }) {
  const root = path.join(folder, 'root');
  const command = path.join(root, place);
  if (!fs.existsSync(command)) return undefined;
  const env = { ...process.env, LD_LIBRARY_PATH: libraryFolders(root).join(path.delimiter) };
  const version = await versionOf(command, env);
  return version && { command, env, version };
}

function libraryFolders(root) {
  return ['usr/lib', 'lib']
    .map((folder) => path.join(root, folder))
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) => [
      folder,
      ...fs
        .readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => path.join(folder, entry.name)),
    ]);
}

async function download(draft, { packages, usualLibraries }) {
  const archives = path.join(draft, 'cache/archives');
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'root'])
    fs.mkdirSync(path.join(draft, folder), { recursive: true });
  const settings = [
    `Dir::State=${draft}/state`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${draft}/cache`,
    'APT::Sandbox::User=', // as root, apt would drop to a user that may not write here
    'Debug::NoLocking=1', // the system's locks are root's, and nothing of the system is touched
    'Acquire::Languages=none',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((setting) => ['-o', setting]);
  const apt = (...args) =>
    run('apt-get', ['-q', '-y', ...settings, ...args], { cwd: archives, timeout: LIMIT_MS, killSignal: 'SIGKILL' });

  if (!(await apt('update')).ok) return;
  // Downloads just what this system lacks. A system with broken dependencies refuses; then the usual ones are tried.
  if (
    (await apt('install', '--download-only', '--reinstall', '--no-install-recommends', ...packages)).ok &&
    debsIn(draft).length >= packages.length
  )
    return;
  await apt('download', ...packages);
  for (const name of usualLibraries) await apt('download', name);
}

function debsIn(draft) {
  const archives = path.join(draft, 'cache/archives');
  if (!fs.existsSync(archives)) return [];
  return fs
    .readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => path.join(archives, name));
}
