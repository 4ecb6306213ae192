import './node-version.mjs';
import fs from 'node:fs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';
import { inRoot, root } from './root.mjs';
import { runInOurPlace } from './run.mjs';

/** Programs that write files of the repository; each takes `--check`, which only tells whether they are up to date. */
const GENERATORS = ['libs/providers/generate-catalog.mjs', 'deploy/dashboards/generate.mjs'];

await runMain(async () => {
  await ensureInstalled();
  let failed = 0;
  for (const generator of GENERATORS.filter((file) => fs.existsSync(inRoot(file)))) {
    const code = await runInOurPlace(process.execPath, [inRoot(generator), ...process.argv.slice(2)], { cwd: root });
    if (code !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
});
