import fs from 'node:fs';
import { plainEnvironment } from './environment.mjs';
import { inRoot } from './root.mjs';
import { run } from './run.mjs';

const bin = (file) => inRoot('node_modules', file);

/** What can be checked without running the code: each with the command that shows it alone. */
const CHECKS = [
  { name: 'types', args: [bin('typescript/bin/tsc'), '--noEmit', '-p', 'tsconfig.json'] },
  // a browser's types are others than Node's
  { name: 'console', args: [bin('typescript/bin/tsc'), '--noEmit', '-p', 'apps/console/tsconfig.json'] },
  { name: 'lint', args: [bin('eslint/bin/eslint.js'), '.'] },
  {
    name: 'format',
    args: [
      bin('prettier/bin/prettier.cjs'),
      '--check',
      '.',
      '--log-level',
      'warn',
      '--cache',
      '--cache-location',
      '.cache/prettier',
    ],
  },
  {
    name: 'walls',
    args: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      'apps',
      'libs',
      'test',
    ],
  },
];

/**
 * Runs every check, also after one has failed.
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runChecks() {
  const counts = { passed: 0, failed: 0 };
  fs.mkdirSync(inRoot('.cache'), { recursive: true });
  for (const { name, args } of CHECKS) {
    const startedAt = Date.now();
    const answer = await run(process.execPath, args, { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    console.log(`${answer.ok ? 'passed' : 'FAILED'}  ${name.padEnd(7)} ${seconds} s`);
    if (!answer.ok) console.log(`${answer.stdout}${answer.stderr}`.trimEnd());
    counts[answer.ok ? 'passed' : 'failed'] += 1;
  }
  return counts;
}
