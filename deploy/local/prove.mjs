import './node-version.mjs';
import { runMain } from './refusal.mjs';
import { runTool } from './tools.mjs';

await runMain(() => runTool('prove'));
