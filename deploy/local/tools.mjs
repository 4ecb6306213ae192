import fs from 'node:fs';
import { compile, ensureBuilt } from './compile.mjs';
import { plainEnvironment } from './environment.mjs';
import { ensureInstalled } from './install.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot, root } from './root.mjs';
import { runInOurPlace } from './run.mjs';

const OUTPUT = '.cache/tools-dist';

/**
 * Runs a program that lives beside the tests (`test/<name>/main.ts`) with the arguments of this command.
 * Like the tests it sees no setting of the hub.
 * @param {string} name
 * @returns {Promise<number>} its exit code
 */
export async function runTool(name) {
  const main = `test/${name}/main`;
  if (!fs.existsSync(inRoot(`${main}.ts`)))
    throw new Refusal(`There is no ${main}.ts yet, so npm run ${name} has nothing to run.`);
  await ensureInstalled();
  await ensureBuilt({ say: console.log });
  await compile({ folders: ['apps', 'deploy/promql', 'libs', 'test'], into: OUTPUT, say: console.log });
  const program = ['--enable-source-maps', inRoot(OUTPUT, `${main}.js`), ...process.argv.slice(2)];
  return runInOurPlace(process.execPath, program, { cwd: root, env: plainEnvironment() });
}
