const fs = require('node:fs');
const path = require('node:path');

const swc = JSON.parse(fs.readFileSync(path.join(__dirname, '.swcrc'), 'utf8'));
delete swc.jsc.paths; // Jest resolves @hub/* itself, below
delete swc.jsc.baseUrl;

/** Names of installed packages that are ES modules: Jest below Node 24.9 cannot require them, so swc turns them into CommonJS. */
function esmPackages(directory, found = new Set()) {
  const entries = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  for (const entry of entries.filter((name) => !name.startsWith('.'))) {
    const names = entry.startsWith('@')
      ? fs.readdirSync(path.join(directory, entry)).map((name) => `${entry}/${name}`)
      : [entry];
    for (const name of names) {
      const manifest = path.join(directory, name, 'package.json');
      if (fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module') found.add(name);
      esmPackages(path.join(directory, name, 'node_modules'), found);
    }
  }
  return found;
}
const esm = [...esmPackages(path.join(__dirname, 'node_modules'))].map((name) =>
  name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'),
);

const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json'],
  transform: { '^.+\\.(t|m?j)s$': ['@swc/jest', { ...swc, sourceMaps: 'inline', swcrc: false }] },
  transformIgnorePatterns: [`/node_modules/(?!(?:.*/node_modules/)?(?:${esm.join('|')})/)`],
  moduleNameMapper: { '^@hub/([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.hub', '<rootDir>/.cache/'],
  cacheDirectory: '<rootDir>/.cache/jest',
};

/** A project's global set-up runs only when one of its tests does: unit tests start no servers. */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apps,libs}/**/*.spec.ts', '<rootDir>/test/{unit,conformance}/**/*.{spec,test}.ts'],
      testPathIgnorePatterns: ['\\.integration\\.spec\\.ts$'],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['<rootDir>/{apps,libs}/**/*.integration.spec.ts', '<rootDir>/test/integration/**/*.{spec,test}.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.mjs',
      globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
    },
    {
      ...shared,
      displayName: 'e2e',
      testMatch: ['<rootDir>/test/{e2e,attacks}/**/*.{spec,test}.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.mjs',
      globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
    },
  ],
  testTimeout: 60_000,
};
