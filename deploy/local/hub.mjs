import './node-version.mjs';
import { mainOf } from './apps.mjs';
import { commandEnvironment } from './command-environment.mjs';
import { ensureBuilt } from './compile.mjs';
import { dataDirOf, hubEnvironment } from './environment.mjs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';
import { runInOurPlace } from './run.mjs';
import { keptSettings } from './settings.mjs';

await runMain(async () => {
  // The command line's own output is all that stdout may hold: it is made to be piped on.
  const say = console.error;
  await ensureInstalled({ say, quiet: true });
  await ensureBuilt({ say });
  const given = hubEnvironment();
  const dataDir = dataDirOf(given);
  const env = commandEnvironment(given, await keptSettings(dataDir), dataDir);
  return runInOurPlace(process.execPath, [mainOf('cli'), ...process.argv.slice(2)], { env });
});
