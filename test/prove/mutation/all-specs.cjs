const fs = require('node:fs');
const path = require('node:path');

// The unit tests of the lib in one file, since Jest takes a good part of a second to set up each; with a mutant only the
// specs that have a test which comes to it.
const source = path.join(__dirname, '../../..', globalThis.mutatedLib, 'src');
for (const file of fs.readdirSync(source, { recursive: true }).sort())
  if (isSpec(file) && !isApart(file) && globalThis.specs.isWanted(file)) {
    globalThis.specs.loaded = file;
    require(path.join(source, file));
  }

function isSpec(file) {
  return file.endsWith('.spec.ts') && !file.endsWith('.integration.spec.ts');
}

function isApart(file) {
  return (globalThis.apart ?? []).some((start) => file.startsWith(start));
}
