/** A lib whose rules are spoiled one by one, to see whether its own tests notice. */
export interface MutatedLib {
  /** Its folder under libs/. */
  readonly name: string;
  /** The share of mutants that must be found, in per cent. */
  readonly leastScore: number;
  /** What begins so is left out, source and tests: it speaks over a network, or loads Nest, which is too slow to do hundreds of times. */
  readonly apart?: readonly string[];
  /** A run that takes so much longer than without a mutant is an endless loop. */
  readonly endlessMs?: number;
}

export const MUTATED_LIBS: readonly MutatedLib[] = [
  { name: 'domain', leastScore: 90 },
  // its loops become endless by many a mutant: what takes five seconds more is one
  {
    name: 'token-vault',
    leastScore: 90,
    apart: ['aws-kms', 'kms-http', 'vault-transit', 'token-vault.module'],
    endlessMs: 5_000,
  },
  // what speaks over a network is held by test/attacks/egress.spec.ts
  {
    name: 'outbound',
    leastScore: 90,
    apart: ['answer-collector', 'guarded-connector', 'outbound.client', 'proxy-tunnel'],
  },
];

/** Names relative to the checkout. */
export interface MutationPlaces {
  readonly report: string;
  /** Stryker works in a copy of the sources that it makes here. */
  readonly sandbox: string;
}

/** What the copy holds: nothing that is built, secret or of a running stack. */
const COPIED = ['libs/**', 'test/**', 'package.json', 'jest.config.cjs', '.swcrc'];

/** Jest keeps some of every run in memory, and each is slower than the one before: then a fresh process goes on. */
const RUNS_OF_A_PROCESS = 60;

/** The same for most libs, on a busy machine too. */
const ENDLESS_MS = 120_000;

/** All that Stryker is told; https://stryker-mutator.io/docs/stryker-js/configuration has a meaning for each. */
export function strykerOptions(
  { name, apart = [], endlessMs = ENDLESS_MS }: MutatedLib,
  { report, sandbox }: MutationPlaces,
): object {
  return {
    mutate: [
      `libs/${name}/src/**/*.ts`,
      `!libs/${name}/src/**/*.spec.ts`,
      ...apart.map((start) => `!libs/${name}/src/${start}*`),
    ],
    ignorePatterns: ['**', ...COPIED.map((pattern) => `!${pattern}`)],
    tempDirName: sandbox,
    cleanTempDir: 'always',
    plugins: ['@stryker-mutator/jest-runner'],
    testRunner: 'jest',
    jest: {
      configFile: 'test/prove/mutation/jest.config.cjs',
      config: { globals: { mutatedLib: `libs/${name}`, apart } },
      enableFindRelatedTests: false, // all tests are in one file
    },
    coverageAnalysis: 'perTest',
    concurrency: 1,
    maxTestRunnerReuse: RUNS_OF_A_PROCESS,
    timeoutMS: endlessMs,
    disableTypeChecks: false, // swc checks none
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: report },
    allowConsoleColors: false,
    thresholds: { break: null }, // the scenario judges
  };
}
