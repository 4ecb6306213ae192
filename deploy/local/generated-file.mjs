import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Keeps a generated file in step with what it is made from. With --check on the command line nothing is written, and a
 * file that is stale makes the exit code 1.
 * @param {string} target its path
 * @param {string} text what it is to hold
 * @param {string} what what went into it, for people
 */
export function keepGenerated(target, text, what) {
  const shown = relative(process.cwd(), target);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) {
    console.log(`${shown} is up to date`);
  } else if (process.argv.includes('--check')) {
    console.error(`${shown} is stale: run \`npm run generate\``);
    process.exitCode = 1;
  } else {
    writeFileSync(target, text);
    console.log(`${shown} written: ${what}`);
  }
}
