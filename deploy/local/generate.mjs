import './node-version.mjs';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './refusal.mjs';
import { inRoot, root } from './root.mjs';

/** Programs that write files of the repository; each takes `--check`, which only tells whether they are up to date. */
const GENERATORS = ['libs/providers/generate-catalog.mjs'];

await runMain(async () => {
  await ensureInstalled();
  let failed = 0;
  for (const generator of GENERATORS.filter((file) => fs.existsSync(inRoot(file)))) {
    const { status } = spawnSync(process.execPath, [inRoot(generator), ...process.argv.slice(2)], {
      cwd: root,
      stdio: 'inherit',
    });
    if (status !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
});
