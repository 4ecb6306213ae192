// Writes the dashboards beside it from src/. With --check it only tells whether they are up to date.
import { compile } from '../local/compile.mjs';
import { runMain } from '../local/main.mjs';
import { inRoot, root } from '../local/root.mjs';
import { runInOurPlace } from '../local/run.mjs';

const OUTPUT = '.cache/dashboards-dist';

await runMain(async () => {
  await compile({ folders: ['deploy/dashboards/src', 'deploy/promql', 'libs'], into: OUTPUT });
  const program = [inRoot(OUTPUT, 'deploy/dashboards/src/main.js'), 'deploy/dashboards', ...process.argv.slice(2)];
  return runInOurPlace(process.execPath, program, { cwd: root });
});
