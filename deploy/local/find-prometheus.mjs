import { findPrometheus } from './prometheus.mjs';
import { inRoot } from './root.mjs';
import { tellFound } from './tell-found.mjs';

// `promtool` or `prometheus`, whichever is named
const program = process.argv[2] === 'prometheus' ? 'prometheus' : 'promtool';
const finding = findPrometheus({ program, fallbackFolder: inRoot('.cache'), say: console.error });
await tellFound(finding, 'it is not on PATH (2.42 or newer), and cannot be fetched with apt here');
