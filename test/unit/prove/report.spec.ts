import { chosen, readCommandLine } from '../../prove/command-line';
import { formatTable, formatTroubles, isProven, type Outcome } from '../../prove/report';
import type { Row } from '../../prove/scenario';

const ROW: Row = {
  tokens: 600,
  refreshes: 2_000,
  faults: 90,
  lapses: { count: 0 },
  doubleSpends: { count: 0 },
  familiesLost: { count: 0 },
  silentLosses: { count: 0 },
  recoveryMs: 1_234,
  note: '31 in doubt',
  claims: [],
  violations: [],
};
const outcome = (different: Partial<Row> = {}, name = 'kill-grace'): Outcome => ({
  name,
  seconds: 120,
  row: { ...ROW, ...different },
});

describe('a row', () => {
  it('is proven if all zeros are zeros and all claims hold', () => {
    expect(isProven(outcome({ claims: [{ holds: true, what: 'peak within 50/s' }] }))).toBe(true);
  });

  it.each<[string, Partial<Row>]>([
    ['a lapse', { lapses: { count: 1 } }],
    ['a double spend', { doubleSpends: { count: 1 } }],
    ['a lost family', { familiesLost: { count: 1 } }],
    ['a silent loss', { silentLosses: { count: 1 } }],
    ['a claim that does not hold', { claims: [{ holds: false, what: 'peak within 50/s' }] }],
    ['a violation of another kind', { violations: ['audit_differs'] }],
  ])('fails by %s', (_what, different) => {
    expect(isProven(outcome(different))).toBe(false);
  });

  it('fails if its scenario did not come to its end', () => {
    expect(isProven({ name: 'herd', seconds: 3, error: new Error('no disk') })).toBe(false);
  });
});

describe('the table', () => {
  it('shows every figure, and what beside it is explained', () => {
    const table = formatTable([
      outcome(),
      outcome({ familiesLost: { count: 0, note: '12 explained' }, recoveryMs: null }, 'kill-strict'),
      outcome({ recoveryMs: Infinity }, 'redis-down'),
      { name: 'herd', seconds: 3, error: new Error('no disk') },
    ]);
    const lines = table.split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/^kill-grace +600 +2000 +90 +0 +0 +0 +0 +1\.2 s +ok +31 in doubt$/);
    expect(lines[2]).toMatch(/0 \(12 explained\) +0 +- +ok/);
    expect(lines[3]).toMatch(/never/);
    expect(lines[4]).toMatch(/FAILED +it did not come to its end$/);
  });

  it('is followed by what is wrong, and by nothing if nothing is', () => {
    expect(formatTroubles([outcome()])).toBe('');
    const troubles = formatTroubles(
      [
        outcome({
          claims: [
            { holds: false, what: 'one call' },
            { holds: true, what: 'all got 200' },
          ],
          violations: ['a', 'b', 'c'],
        }),
      ],
      2,
    );
    expect(troubles).toBe('kill-grace:\n  not so: one call\n  a\n  b\n  and 1 more');
  });
});

describe('the command line', () => {
  it('draws a seed unless one is given', () => {
    expect(readCommandLine([], 0.5)).toEqual({ isLong: false, only: [], seed: 2 ** 30, listOnly: false });
    expect(readCommandLine(['--seed', '7', '--long', '--only', 'kill,herd', '--only', 'rules'], 0.5)).toEqual({
      isLong: true,
      only: ['kill', 'herd', 'rules'],
      seed: 7,
      listOnly: false,
    });
  });

  it.each([
    [['--seed', 'x'], '--seed must be a whole number'],
    [['--sead'], 'Unknown option'],
    [['more'], 'Unexpected argument'],
  ])('refuses %j', (args, why) => {
    expect(() => readCommandLine(args, 0)).toThrow(why);
  });

  it('chooses scenarios by the beginning of their names, in their own order', () => {
    const all = [{ name: 'rules' }, { name: 'kill-grace' }, { name: 'kill-strict' }];
    expect(chosen(all, ['kill', 'rules'])).toEqual(all);
    expect(chosen(all, ['kill-s'])).toEqual([{ name: 'kill-strict' }]);
    expect(() => chosen(all, ['klil'])).toThrow('no scenario is called klil');
  });
});
