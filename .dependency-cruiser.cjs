/** Walls about imports (design, section 1); eslint.config.mjs has those about what a file says. */

/** An edge to the world, or what joins them: only these know Nest. */
const NEST = [
  ...['module', 'controller', 'guard', 'filter', 'interceptor', 'decorator', 'pipe', 'socket', 'job'],
  ...['service', 'repository', 'client', 'consumer', 'producer', 'scheduler'],
].join('|');

const SANDBOX = '[.]sandbox[.]ts$';
const SPEC = '[.]spec[.]ts$';
const INDEX = '^libs/[^/]+/src/index[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'domain-imports-nothing',
      comment: 'libs/domain holds rules only: no clock, no I/O, no package, no other lib.',
      severity: 'error',
      from: { path: '^libs/domain/', pathNot: SPEC },
      to: { pathNot: '^libs/domain/' },
    },
    {
      name: 'apps-never-import-apps',
      comment: 'What two apps share is a lib.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'only-tests-import-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: SPEC },
      to: { path: ['^test/', SPEC] },
    },
    {
      name: 'a-lib-is-entered-by-its-index',
      comment: 'Import @hub/<lib>; what it does not export is its own affair.',
      severity: 'error',
      from: { path: '^((apps|libs|test)/[^/]+)/' },
      to: { path: '^libs/', pathNot: [INDEX, '^$1/', SANDBOX] },
    },
    {
      name: 'a-lib-is-called-by-its-name',
      comment: 'Write @hub/<lib>, not a path to its index.',
      severity: 'error',
      from: { path: '^((apps|libs|test)/[^/]+)/' },
      to: { path: INDEX, pathNot: '^$1/', dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'only-sandbox-and-tests-import-a-sandbox',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^apps/sandbox/', SANDBOX, SPEC] },
      to: { path: SANDBOX },
    },
    {
      name: 'nest-only-in-suffixed-files',
      comment: 'A file without suffix is pure; types of Nest may be named anywhere.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [`[.](${NEST})[.]ts$`, '/main[.]ts$', SPEC] },
      to: { path: 'node_modules/@nestjs/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-console-stands-alone',
      comment:
        'It runs in a browser: of the hub it may know types, of the packages those that are bundled into it. Its specs may compare.',
      severity: 'error',
      from: { path: '^apps/console/src/', pathNot: SPEC },
      to: {
        pathNot: [
          '^apps/console/src/',
          'node_modules/(react|react-dom|@tanstack/react-query)/',
          'node_modules/@types/react',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-circular-imports',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nobody imports it and it imports nothing: it is dead. (Preloads of tests are named on a command line.)',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          SPEC,
          '[.]test[.]ts$',
          '[.]d[.]ts$',
          '/main[.]tsx?$',
          '[.]config[.]mjs$',
          '^test/support/global-',
          '^test/.*[.]cjs$',
        ],
      },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      comment: 'What is imported is found, and stands in package.json.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-development-packages-in-apps',
      severity: 'error',
      // generators run for developers alone, and what the console needs is bundled into it
      from: { path: '^(apps|libs)/', pathNot: [SPEC, '/generate-[^/]+[.]mjs$', '^apps/console/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
