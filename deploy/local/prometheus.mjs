import fs from 'node:fs';
import path from 'node:path';
import { unpackDebianProgram } from './debian-packages.mjs';
import { run } from './run.mjs';

// No app needs it, and npm start does not run it: tests hold the alerts of deploy/alerts against it.

/** The first that knows keep_firing_for, and the one of Debian 12. */
const OLDEST = [2, 42];

/**
 * A program of Prometheus, by the first way that works here: one on PATH, or Debian's package unpacked beside the system.
 * @param {object} options
 * @param {'prometheus' | 'promtool'} options.program
 * @param {string} options.fallbackFolder where an unpacked package goes when the user has no cache folder
 * @param {(line: string) => void} [options.say]
 * @returns {Promise<import('./debian-packages.mjs').UnpackedProgram | undefined>} undefined where none can be had
 */
export async function findPrometheus({ program, fallbackFolder, say = () => {} }) {
  return (
    (await fromPath(program)) ??
    unpackDebianProgram({
      name: 'prometheus',
      title: 'Prometheus',
      packages: ['prometheus'],
      usualLibraries: [], // both are linked statically but for libc
      command: `usr/bin/${program}`,
      versionOf,
      fallbackFolder,
      say,
    })
  );
}

async function fromPath(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const command of folders.map((folder) => path.join(folder, program)).filter((file) => fs.existsSync(file))) {
    const version = await versionOf(command, process.env);
    if (version) return { command, env: process.env, version };
  }
  return undefined;
}

/** Undefined when it does not run, or is too old for the rules. */
async function versionOf(command, env) {
  const { stdout, stderr } = await run(command, ['--version'], { env });
  const found = /version (\d+)\.(\d+)\.\d+/.exec(`${stdout}${stderr}`);
  if (!found) return undefined;
  const [major, minor] = found.slice(1).map(Number);
  const isNewEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return isNewEnough ? found[0].slice('version '.length) : undefined;
}
