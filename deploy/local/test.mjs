import './node-version.mjs';
import { runChecks } from './checks.mjs';
import { ensureBuilt } from './compile.mjs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';
import { listTestFiles, matchTestFiles } from './test-files.mjs';
import { countMissingTools, runJest } from './test-run.mjs';

const E2E = 'test/e2e/';

await runMain(async () => {
  const { onlyE2e, paths, forJest } = readArguments(process.argv.slice(2));
  await ensureInstalled();
  const { files, unmatched } = await chooseFiles({ onlyE2e, paths });
  for (const name of unmatched) console.error(`No test file matches ${name}.`);
  if (unmatched.length > 0) return report({ passed: 0, failed: unmatched.length, skipped: 0 });

  await ensureBuilt({ say: console.log });
  const checks = files ? { passed: 0, failed: 0 } : await runChecks();
  const startedAt = Date.now();
  const tests = await runJest([...(files ? ['--runTestsByPath', ...files] : []), ...forJest]);
  console.log(`${tests.failed === 0 ? 'passed' : 'FAILED'}  tests   ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  const { passed, failed, skipped } = countMissingTools(tests);
  return report({ passed: passed + checks.passed, failed: failed + checks.failed, skipped });
});

/** Paths first; from the first option on, everything is Jest's. */
function readArguments(args) {
  const rest = args.filter((argument) => argument !== '--e2e');
  const firstOption = rest.findIndex((argument) => argument.startsWith('-'));
  const end = firstOption === -1 ? rest.length : firstOption;
  return { onlyE2e: rest.length < args.length, paths: rest.slice(0, end), forJest: rest.slice(end) };
}

/** @returns {Promise<{ files?: string[], unmatched: string[] }>} no files: all of them, with the checks */
async function chooseFiles({ onlyE2e, paths }) {
  if (!onlyE2e && paths.length === 0) return { unmatched: [] };
  const all = (await listTestFiles()).filter((file) => !onlyE2e || file.startsWith(E2E));
  return matchTestFiles(all, paths.length === 0 ? [E2E] : paths, onlyE2e ? E2E : '');
}

/** The last line is for programs as much as for people. */
function report({ passed, failed, skipped }) {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}
