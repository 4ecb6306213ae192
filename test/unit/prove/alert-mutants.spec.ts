import { mutantsOf } from '../../prove/alerts/mutants';
import { rowOfAlerts } from '../../prove/scenarios/alert-mutation';

const rule = {
  alert: 'Late',
  expr: 'max by (a) (age{a="x", b="y"}) > 60 and on (a) rate(c[5m]) > 0',
  for: '2m',
  labels: { severity: 'page' },
};

describe('the changes of an alert', () => {
  it('touch its truth, its thresholds, its labels, its logic, its timing and its severity', () => {
    expect(mutantsOf(rule).map(({ what, rule: changed }) => [what, changed.expr, changed.for, changed.labels])).toEqual(
      expect.arrayContaining([
        ['is never true', 'vector(0) > 1', '2m', { severity: 'page' }],
        ['is always true', 'vector(1)', '2m', { severity: 'page' }],
        ['lacks what follows "and" at 36', '(max by (a) (age{a="x", b="y"}) > 60)', '2m', { severity: 'page' }],
        ['lacks what precedes "and" at 36', '(rate(c[5m]) > 0)', '2m', { severity: 'page' }],
        [
          'has 78 for 60 at 33',
          'max by (a) (age{a="x", b="y"}) > 78 and on (a) rate(c[5m]) > 0',
          '2m',
          { severity: 'page' },
        ],
        [
          'has >= 0 at 59',
          'max by (a) (age{a="x", b="y"}) > 60 and on (a) rate(c[5m]) >= 0',
          '2m',
          { severity: 'page' },
        ],
        [
          'does not ask for a="x" at 16',
          'max by (a) (age{b="y"}) > 60 and on (a) rate(c[5m]) > 0',
          '2m',
          { severity: 'page' },
        ],
        ['fires at once', rule.expr, undefined, { severity: 'page' }],
        ['fires after 4m', rule.expr, '4m', { severity: 'page' }],
        ['has severity ticket', rule.expr, '2m', { severity: 'ticket' }],
      ]),
    );
  });

  it('are each another rule than the one that was changed', () => {
    for (const { rule: changed } of mutantsOf(rule)) expect(changed).not.toEqual(rule);
  });
});

describe('the row of the alerts', () => {
  it('does not hold where a single change goes unnoticed', () => {
    const row = rowOfAlerts({ alerts: 2, mutants: 9, survivors: ['Late is never true (page)'] });
    expect(row.claims.map(({ holds }) => holds)).toEqual([false]);
    expect(row.violations).toEqual(['Late is never true (page)']);
  });

  it('does not hold where nothing was changed at all', () => {
    expect(rowOfAlerts({ alerts: 0, mutants: 0, survivors: [] }).claims.map(({ holds }) => holds)).toEqual([false]);
  });
});
