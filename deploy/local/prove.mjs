import './node-version.mjs';
import { runMain } from './main.mjs';
import { runTool } from './tools.mjs';

await runMain(() => runTool('prove'));
