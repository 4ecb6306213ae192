import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const ROOT = process.cwd();
/** One line: the commit that runs where the next release is rolled out. */
const NAMED_IN = path.join(ROOT, 'test/integration/upgrade/previous-release.txt');
/** What the build reads. */
const PARTS = ['apps', 'libs', 'deploy/local', '.swcrc', 'package.json', 'package-lock.json', '.nvmrc', '.npmrc'];

/** The release before this one, compiled, or why it cannot be had. */
export type PreviousRelease = { readonly root: string; readonly commit: string } | { readonly reason: string };

/**
 * Unpacks the previous release out of git's history and compiles it, once for a checkout, with the packages of this one:
 * it is our code that must get along with itself. Without history, as in an archive of the sources, there is none.
 *
 * @throws Error if it is there and cannot be compiled
 */
export function previousRelease(): PreviousRelease {
  const commit = readFileSync(NAMED_IN, 'utf8').trim();
  if (git('cat-file', '-e', `${commit}^{commit}`).status !== 0)
    return { reason: `git has no commit ${commit} here: a whole clone has it, an archive or a shallow one has not` };
  const root = path.join(ROOT, '.cache/previous-release', commit);
  if (!existsSync(path.join(root, 'dist'))) unpack(commit, root);
  return { root, commit };
}

function unpack(commit: string, root: string): void {
  const draft = `${root}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const archive = must('git archive', git('archive', '--format=tar', commit, ...PARTS));
  must('tar', spawnSync('tar', ['-x', '-C', draft], { input: archive }));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(draft, 'node_modules'));
  const build = "import('./deploy/local/compile.mjs').then(({ ensureBuilt }) => ensureBuilt())";
  must('its build', spawnSync(process.execPath, ['--input-type=module', '-e', build], { cwd: draft }));
  rmSync(root, { recursive: true, force: true });
  renameSync(draft, root);
}

function git(...args: readonly string[]): SpawnSyncReturns<Buffer> {
  return spawnSync('git', args, { cwd: ROOT, maxBuffer: 256 * 1024 * 1024 });
}

/** @returns standard output */
function must(what: string, { status, stdout, stderr, error }: SpawnSyncReturns<Buffer>): Buffer {
  if (status === 0) return stdout;
  throw new Error(`The previous release cannot be made, ${what} failed: ${error?.message ?? stderr.toString()}`);
}
