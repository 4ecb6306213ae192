import { findPgBouncer } from './pgbouncer.mjs';
import { inRoot } from './root.mjs';
import { tellFound } from './tell-found.mjs';

const finding = findPgBouncer({ fallbackFolder: inRoot('.cache'), say: console.error });
await tellFound(finding, 'it is not on PATH, and cannot be fetched with apt here');
