import { strykerOptions } from '../../prove/mutation/lib';
import { scoreOf, type MutationReport } from '../../prove/mutation/score';
import { rowOf } from '../../prove/scenarios/mutation';

type Mutant = MutationReport['files'][string]['mutants'][number];

const SOURCE = 'export function isLive(left: number): boolean {\n  return left > 0;\n}\n';
const at = (line: number, from: number, to: number, end = line): Mutant['location'] => ({
  start: { line, column: from },
  end: { line: end, column: to },
});
const COMPARISON: Mutant = {
  mutatorName: 'EqualityOperator',
  replacement: 'left >= 0',
  status: 'Survived',
  location: at(2, 10, 18),
};
const BODY: Mutant = {
  mutatorName: 'BlockStatement',
  replacement: '{}',
  status: 'NoCoverage',
  location: at(1, 47, 2, 3),
};
const reportOf = (...mutants: Mutant[]): MutationReport => ({
  files: { 'libs/domain/src/live.ts': { source: SOURCE, mutants } },
});
const having = (...statuses: Mutant['status'][]): MutationReport =>
  reportOf(...statuses.map((status) => ({ ...COMPARISON, status })));

describe('a mutation score', () => {
  it.each<[string, Mutant['status'][], number]>([
    ['all that a test killed', ['Killed', 'Killed'], 100],
    ['a timeout as found', ['Timeout', 'Survived'], 50],
    ['what no test comes to as missed', ['Killed', 'Killed', 'Killed', 'NoCoverage'], 75],
    ['nothing that did not run', ['Killed', 'Survived', 'RuntimeError', 'CompileError', 'Pending'], 50],
    ['nothing that a comment excuses', ['Killed', 'Ignored'], 100],
    ['no mutants at all as no proof', [], 0],
  ])('counts %s', (_what, statuses, percent) => {
    expect(scoreOf(having(...statuses)).percent).toBe(percent);
  });

  it('tells how many of each there were', () => {
    expect(scoreOf(having('Killed', 'Killed', 'Timeout', 'Survived', 'Ignored'))).toMatchObject({
      mutants: 4,
      killed: 2,
      timedOut: 1,
      uncounted: 1,
    });
  });

  it('tells of a survivor where it stands, and what was changed into what', () => {
    expect(scoreOf(reportOf(COMPARISON, BODY)).survivors).toEqual([
      'libs/domain/src/live.ts:2:10 EqualityOperator: left > 0 → left >= 0',
      'libs/domain/src/live.ts:1:47 BlockStatement: { return left > 0; } → {} (no test comes here)',
    ]);
  });

  it('shortens what is long', () => {
    const [line] = scoreOf(reportOf({ ...COMPARISON, replacement: 'x'.repeat(200) })).survivors;
    expect(line).toMatch(/→ x{80}…$/);
  });
});

describe('a lib’s row', () => {
  const domain = { name: 'domain', leastScore: 90 };

  it('holds at its goal, and then names no survivor', () => {
    const score = scoreOf(having(...Array<'Killed'>(9).fill('Killed'), 'Survived'));
    expect(rowOf(domain, score)).toMatchObject({ faults: 10, claims: [{ holds: true }], violations: [] });
  });

  it('fails below its goal, and names every survivor', () => {
    const score = scoreOf(having(...Array<'Killed'>(8).fill('Killed'), 'Survived'));
    const { claims, violations } = rowOf(domain, score);
    expect(claims).toEqual([
      { holds: false, what: 'at least 90 % of the mutants of libs/domain are found (8 of 9 mutants found, 88.9 %)' },
    ]);
    expect(violations).toEqual(score.survivors);
  });
});

describe('the options', () => {
  const options = strykerOptions(
    { name: 'token-vault', leastScore: 90 },
    { report: '.cache/r.json', sandbox: '.cache/s' },
  );

  it('change the sources of the lib alone, never its tests', () => {
    expect(options).toMatchObject({ mutate: ['libs/token-vault/src/**/*.ts', '!libs/token-vault/src/**/*.spec.ts'] });
  });

  it('write below .cache/ alone, and tell nobody else', () => {
    expect(options).toMatchObject({
      tempDirName: '.cache/s',
      jsonReporter: { fileName: '.cache/r.json' },
      reporters: ['json', 'progress-append-only'],
    });
  });

  it('copy nothing that may be secret', () => {
    expect(options).toMatchObject({ ignorePatterns: expect.arrayContaining(['**', '!libs/**', '!test/**']) });
    expect(JSON.stringify(options)).not.toMatch(/\.env|\.hub/);
  });
});
