import fs from 'node:fs';
import path from 'node:path';
import { plainEnvironment } from './environment.mjs';
import { inRoot, root } from './root.mjs';
import { runInOurPlace } from './run.mjs';
import { JEST } from './test-files.mjs';

const RESULTS = inRoot('.cache', `jest-results-${process.pid}.json`);
const SKIPS = inRoot('.cache/test-skips');

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * Runs Jest with its own output in sight.
 * @param {string[]} args
 * @returns {Promise<Counts>}
 */
export async function runJest(args) {
  fs.rmSync(SKIPS, { recursive: true, force: true });
  fs.rmSync(RESULTS, { force: true });
  const all = [JEST, '--maxWorkers=2', '--json', `--outputFile=${RESULTS}`, '--passWithNoTests=false', ...args];
  // Jest puts the JSON on stdout too, and its report on stderr: the report is what people want to see.
  const code = await runInOurPlace(process.execPath, all, {
    cwd: root,
    env: plainEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const counts = readCounts();
  // A set-up that fails, or a leak that Jest reports, shows in no test's result.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/**
 * Tells which tests were left out because a tool could not be had; where a tool must be there (CI), each is a failure.
 * @param {Counts} counts
 * @returns {Counts}
 */
export function countMissingTools(counts) {
  const notes = readSkipNotes();
  for (const { tool, reason } of notes) console.log(`Left out, since ${tool} could not be had: ${reason}`);
  const mustHave = /^(true|1)$/i.test(process.env.CI ?? '');
  if (mustHave && notes.length > 0)
    console.log('With CI=true every tool must be there, so each of these is a failure.');
  const counted = mustHave ? 'failed' : 'skipped';
  return { ...counts, [counted]: counts[counted] + notes.length };
}

function readCounts() {
  try {
    const results = JSON.parse(fs.readFileSync(RESULTS, 'utf8'));
    return {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  } finally {
    fs.rmSync(RESULTS, { force: true });
  }
}

/** Notes that tests leave for us: `.cache/test-skips/<anything>.json` with `{tool, reason}`. */
function readSkipNotes() {
  if (!fs.existsSync(SKIPS)) return [];
  return fs
    .readdirSync(SKIPS)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(fs.readFileSync(path.join(SKIPS, name), 'utf8')));
}
