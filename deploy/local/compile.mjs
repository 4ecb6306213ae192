import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { buildConsole, CONSOLE } from './compile-console.mjs';
import { withLock } from './lock.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot, root } from './root.mjs';
import { run } from './run.mjs';

const STAMP = '.hub-build';

/**
 * Makes dist/ what apps/ and libs/ say.
 * @param {{ say?: (line: string) => void }} [options]
 */
export async function ensureBuilt({ say } = {}) {
  await compile({ folders: ['apps', 'libs'], into: 'dist', withConsole: true, say });
}

/**
 * Compiles folders of TypeScript into one output folder, unless it holds just that already. Other files they hold
 * (pages, styles, SQL) are copied along. The output appears at once and whole: a running stack never sees half of it.
 * The console is no such TypeScript: Vite makes it, and only where it is asked for.
 * @param {{ folders: string[], into: string, withSpecs?: boolean, withConsole?: boolean, say?: (line: string) => void }} options
 *   paths relative to the root
 */
export async function compile({ folders, into, withSpecs = false, withConsole = false, say = () => {} }) {
  const consoleNow = () => (withConsole ? sourcesIn([CONSOLE], false) : []);
  const sourcesNow = () => sourcesIn(folders, withSpecs).filter((file) => !file.startsWith(`${CONSOLE}${path.sep}`));
  const isCurrent = () => readStamp(into) === fingerprint([...sourcesNow(), ...consoleNow()]);
  if (isCurrent()) return;
  await withLock(inRoot(`.cache/${into.replaceAll('/', '-')}.lock`), async () => {
    if (isCurrent()) return; // by the process that we waited for
    say(`Compiling ${folders.join(', ')}.`);
    const sources = sourcesNow();
    const consoleSources = consoleNow();
    const stamp = fingerprint([...sources, ...consoleSources]);
    const draft = inRoot(`.cache/${into.replaceAll('/', '-')}.new`);
    fs.rmSync(draft, { recursive: true, force: true });
    fs.mkdirSync(draft, { recursive: true });
    await runSwc(folders, draft, withSpecs);
    copyAssets(sources, draft);
    if (withConsole)
      await buildConsole({ into: path.join(draft, 'console'), fingerprint: fingerprint(consoleSources), say });
    fs.writeFileSync(path.join(draft, STAMP), stamp);
    putInPlace(draft, inRoot(into));
  });
}

/** Every file that the output depends on, relative to the root, in a stable order. */
function sourcesIn(folders, withSpecs) {
  const files = folders
    .filter((folder) => fs.existsSync(inRoot(folder)))
    .flatMap((folder) =>
      fs
        .readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name))),
    );
  return files.filter((file) => withSpecs || !file.endsWith('.spec.ts')).sort();
}

function fingerprint(sources) {
  const hash = createHash('sha256');
  for (const file of [...sources, '.swcrc', 'package-lock.json']) {
    const content = readIfThere(inRoot(file));
    if (content) hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

const readStamp = (into) => readIfThere(inRoot(into, STAMP))?.toString('utf8');

/** A file may go away between being listed and being read, when somebody works on it. */
function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function runSwc(folders, draft, withSpecs) {
  const swc = inRoot('node_modules/@swc/cli/bin/swc.js');
  const args = [swc, ...folders, '-d', draft, '--config-file', '.swcrc', '--extensions', '.ts', '-q'];
  args.push('--ignore', `${CONSOLE}/**`);
  if (!withSpecs) args.push('--ignore', '**/*.spec.ts');
  const answer = await run(process.execPath, args);
  if (!answer.ok) throw new Refusal(`${answer.stdout}${answer.stderr}\nThe build failed: mend what swc names above.`);
}

function copyAssets(sources, draft) {
  const isSource = (file) => /\.(ts|tsx|md)$/.test(file);
  for (const file of sources.filter((name) => !isSource(name))) {
    fs.mkdirSync(path.dirname(path.join(draft, file)), { recursive: true });
    fs.copyFileSync(inRoot(file), path.join(draft, file));
  }
}

/** Two renames back to back, with nothing in between that could wait or fail. */
function putInPlace(draft, target) {
  const old = `${draft}.old`;
  fs.rmSync(old, { recursive: true, force: true });
  if (fs.existsSync(target)) fs.renameSync(target, old);
  fs.renameSync(draft, target);
  fs.rmSync(old, { recursive: true, force: true });
}
