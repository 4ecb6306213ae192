import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { withLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';

const STAMP = inRoot('node_modules/.hub-lock');

/**
 * Installs what package-lock.json names unless exactly that is installed already.
 * @param {{ say?: (line: string) => void, quiet?: boolean }} [options] quiet keeps npm's own words off stdout
 */
export async function ensureInstalled({ say = console.log, quiet = false } = {}) {
  if (isInstalled()) return;
  await withLock(
    inRoot('.cache/install.lock'),
    async () => {
      if (isInstalled()) return; // by the process that we waited for
      say('Installing the dependencies (npm ci); the first time this takes about a minute.');
      await install(quiet);
    },
    ({ pid }) => say(`Waiting for process ${pid}, which installs the dependencies.`),
  );
}

/** What the installed packages depend on: the lock, and the Node that chose their binaries. */
function wanted() {
  const lock = createHash('sha256')
    .update(fs.readFileSync(inRoot('package-lock.json')))
    .digest('hex');
  return `${lock} node${process.versions.node.split('.')[0]} ${process.platform}-${process.arch}\n`;
}

function isInstalled() {
  return fs.existsSync(STAMP) && fs.readFileSync(STAMP, 'utf8') === wanted();
}

async function install(quiet) {
  fs.rmSync(STAMP, { force: true }); // an installation that is cut short must not look complete
  const stamp = wanted();
  const [command, ...before] = npm();
  // The include options undo NODE_ENV=production or an `omit` of the user's npm settings: the build and the servers are dev dependencies.
  const args = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--include=dev',
    '--include=optional',
    '--loglevel=error',
  ];
  const answer = await run(command, [...before, ...args], {
    stdio: ['ignore', quiet ? process.stderr : 'inherit', 'inherit'],
    shell: process.platform === 'win32' && before.length === 0,
  });
  if (answer.error?.code === 'ENOENT')
    throw new Refusal('There is no npm on PATH: install Node together with npm and run the command again.');
  if (!answer.ok)
    throw new Refusal(
      `npm ci could not install the dependencies (${answer.signal ?? `exit code ${answer.code}`}): mend what npm names above (network, disk, or package-lock.json) and run the command again.`,
    );
  fs.writeFileSync(STAMP, stamp);
}

/** The npm that runs this command, else the one on PATH. */
function npm() {
  const current = process.env.npm_execpath;
  return current && path.basename(current) === 'npm-cli.js' && fs.existsSync(current)
    ? [process.execPath, current]
    : ['npm'];
}
