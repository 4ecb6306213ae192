import './node-version.mjs';
import { ensureBuilt } from './compile.mjs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';

await runMain(async () => {
  await ensureInstalled();
  await ensureBuilt({ say: console.log });
  console.log('dist/ is up to date.');
});
