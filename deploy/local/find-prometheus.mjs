import { findPrometheus } from './prometheus.mjs';
import { inRoot } from './root.mjs';

// For tests: where `promtool` or `prometheus`, whichever is named, is, or why there is none.
const program = process.argv[2] === 'prometheus' ? 'prometheus' : 'promtool';
const found = await findPrometheus({ program, fallbackFolder: inRoot('.cache'), say: console.error }).catch((e) => e);
const answer =
  found instanceof Error
    ? { reason: found.message }
    : found
      ? { command: found.command, version: found.version, libraries: found.env.LD_LIBRARY_PATH ?? '' }
      : { reason: 'it is not on PATH (2.42 or newer), and cannot be fetched with apt here' };
console.log(JSON.stringify(answer));
