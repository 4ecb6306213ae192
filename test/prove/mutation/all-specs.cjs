const fs = require('node:fs');
const path = require('node:path');

// All unit tests of the lib in one file, since Jest takes a good part of a second to set up each.
const source = path.join(__dirname, '../../..', globalThis.mutatedLib, 'src');
for (const file of fs.readdirSync(source, { recursive: true }).sort())
  if (isSpec(file) && !isApart(file)) require(path.join(source, file));

function isSpec(file) {
  return file.endsWith('.spec.ts') && !file.endsWith('.integration.spec.ts');
}

function isApart(file) {
  return (globalThis.apart ?? []).some((start) => file.startsWith(start));
}
