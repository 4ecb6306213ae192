import { findChromium } from './chromium.mjs';
import { inRoot } from './root.mjs';
import { tellFound } from './tell-found.mjs';

const finding = findChromium({ fallbackFolder: inRoot('.cache'), say: console.error });
await tellFound(
  finding,
  'there is no Chrome or Chromium on PATH, and the one of the npm package runs only on Linux with x64 and needs libnss3, ' +
    'which is not here and cannot be fetched with apt',
);
