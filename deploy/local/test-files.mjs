import fs from 'node:fs';
import path from 'node:path';
import { plainEnvironment } from './environment.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot, root } from './root.mjs';
import { run } from './run.mjs';

export const JEST = inRoot('node_modules/jest/bin/jest.js');

/**
 * All test files, as Jest finds them.
 * @returns {Promise<string[]>} relative to the root, with forward slashes
 */
export async function listTestFiles() {
  const answer = await run(process.execPath, [JEST, '--listTests', '--json'], { env: plainEnvironment() });
  if (!answer.ok) throw new Refusal(`Jest cannot list the test files:\n${answer.stderr.trim()}`);
  return JSON.parse(answer.stdout)
    .map((file) => path.relative(root, file).replaceAll('\\', '/'))
    .sort();
}

/**
 * The test files that each given path stands for: a file, a folder, or a part of a path.
 * @param {string[]} all
 * @param {string[]} wanted as they were typed
 * @param {string} [home] a folder with its slash, in which the bare name of a file means just that file
 * @returns {{ files: string[], unmatched: string[] }}
 */
export function matchTestFiles(all, wanted, home = '') {
  const files = new Set();
  const unmatched = [];
  for (const typed of wanted) {
    const name = asRelative(typed);
    const exact = [name, `${home}${name}`].find((file) => all.includes(file));
    const found = exact
      ? [exact]
      : all.filter((file) => (isFolder(name) ? file.startsWith(`${name}/`) : file.includes(name)));
    if (found.length === 0) unmatched.push(typed);
    for (const file of found) files.add(file);
  }
  return { files: [...files], unmatched };
}

/** Relative to the root; `tests/` is what many other projects call it. */
function asRelative(typed) {
  const relative = path.isAbsolute(typed)
    ? path.relative(root, typed)
    : path.posix.normalize(typed.replaceAll('\\', '/'));
  return relative
    .replace(/^\.\//, '')
    .replace(/\/$/, '')
    .replace(/^tests(\/|$)/, 'test$1');
}

const isFolder = (name) => fs.statSync(inRoot(name), { throwIfNoEntry: false })?.isDirectory() ?? false;
