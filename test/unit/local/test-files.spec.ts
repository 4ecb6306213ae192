import { launcher } from '../../support/launcher';

interface TestFiles {
  matchTestFiles(all: string[], wanted: string[], home?: string): { files: string[]; unmatched: string[] };
}

const ALL = [
  'libs/domain/src/retry-policy.spec.ts',
  'test/e2e/integrations.spec.ts',
  'test/unit/integrations.test.ts',
  'test/unit/local/ports.spec.ts',
];
let match: TestFiles['matchTestFiles'];
beforeAll(async () => {
  match = (await launcher<TestFiles>('test-files')).matchTestFiles;
});

it.each([
  ['test/unit/integrations.test.ts', ['test/unit/integrations.test.ts']],
  ['./test/unit/integrations.test.ts', ['test/unit/integrations.test.ts']],
  ['tests/unit/integrations.test.ts', ['test/unit/integrations.test.ts']],
  [`${process.cwd()}/test/unit/integrations.test.ts`, ['test/unit/integrations.test.ts']],
  ['test/unit', ['test/unit/integrations.test.ts', 'test/unit/local/ports.spec.ts']],
  ['tests/unit/', ['test/unit/integrations.test.ts', 'test/unit/local/ports.spec.ts']],
  ['integrations', ['test/e2e/integrations.spec.ts', 'test/unit/integrations.test.ts']],
  ['retry-policy', ['libs/domain/src/retry-policy.spec.ts']],
])('%s stands for its files', (typed, files) => {
  expect(match(ALL, [typed])).toEqual({ files, unmatched: [] });
});

it('takes a bare name for the one file of its home, and for all of that name without one', () => {
  const all = ['test/e2e/browser/integrations.spec.ts', 'test/e2e/integrations.spec.ts'];
  expect(match(all, ['integrations.spec.ts'], 'test/e2e/').files).toEqual(['test/e2e/integrations.spec.ts']);
  expect(match(all, ['browser/integrations.spec.ts'], 'test/e2e/').files).toEqual([
    'test/e2e/browser/integrations.spec.ts',
  ]);
  expect(match(all, ['integrations.spec.ts']).files).toEqual(all);
});

it('names every path that stands for nothing, as it was typed', () => {
  expect(match(ALL, ['test/unit', 'tests/nothing.spec.ts', 'test/un'])).toEqual({
    files: ['test/unit/integrations.test.ts', 'test/unit/local/ports.spec.ts'],
    unmatched: ['tests/nothing.spec.ts'],
  });
});
