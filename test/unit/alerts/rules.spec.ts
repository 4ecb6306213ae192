import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { knownSeries, type KnownSeries } from '../../../deploy/promql/known-metrics';
import { readExpression } from '../../../deploy/promql/promql';
import { unknownNames } from '../../../deploy/promql/unknown-names';
import {
  ALERTS_FOLDER,
  RULE_FILES,
  alertOf,
  allRules,
  readRules,
  readTests,
  testFiles,
  type Rule,
} from '../../support/alert-rules';
import { findPromtool, runPromtool, type Promtool } from '../../support/promtool';

const rules = allRules();
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
const alertNames = [...new Set(alerts.map(({ alert }) => alert))];
const named = alerts.map((rule) => [`${rule.alert} (${Object.values(rule.labels ?? {}).join(', ')})`, rule] as const);

/** What is reported, and what rules record of it. */
const known = new Map<string, KnownSeries>([
  ...knownSeries(),
  ...rules.flatMap(({ record, labels }) =>
    record ? [[record, { labels: Object.keys(labels ?? {}), values: {} }] as const] : [],
  ),
]);

describe('by promtool, which every test of rules needs', () => {
  let promtool: Promtool;
  beforeAll(async () => {
    promtool = await findPromtool();
  }, 200_000);

  it.each(RULE_FILES)('%s passes its check and its lint', async (file) => {
    const { ok, output } = await runPromtool(promtool, [
      'check',
      'rules',
      '--lint=all',
      path.join(ALERTS_FOLDER, file),
    ]);
    expect({ ok, output }).toEqual({ ok: true, output: expect.stringContaining('SUCCESS') });
  });

  it.each(testFiles())(
    'the alerts fire, do not fire and clear as %s says',
    async (file) => {
      const { ok, output } = await runPromtool(promtool, ['test', 'rules', path.join(ALERTS_FOLDER, 'tests', file)]);
      expect({ ok, output }).toEqual({ ok: true, output: expect.stringContaining('SUCCESS') });
    },
    300_000,
  );
});

describe('every alert', () => {
  it.each(alertNames)('%s has tests of its own', (alert) => {
    expect(testFiles()).toContain(`${alert}.yaml`);
  });

  it('is there for each test', () => {
    expect(testFiles().filter((file) => !alertNames.includes(alertOf(file)))).toEqual([]);
  });

  it.each(named)('%s says who is told, what it is, and where its runbook is', (_name, rule) => {
    const { severity } = rule.labels ?? {};
    expect(rule.alert === 'Watchdog' ? ['heartbeat'] : ['page', 'ticket']).toContain(severity);
    expect(Object.keys(rule.annotations ?? {})).toEqual(['summary', 'description', 'runbook_url']);
    expect(rule.annotations?.['runbook_url']).toMatch(new RegExp(`/deploy/runbooks/${rule.alert}\\.md$`));
  });

  it.each(named)('%s tells only of labels that its expression keeps', (_name, rule) => {
    const { grouping, selectors } = readExpression(rule.expr);
    const kept = [...grouping, ...selectors.flatMap(({ labels }) => labels), ...Object.keys(rule.labels ?? {})];
    const text = Object.values(rule.annotations ?? {}).join(' ');
    const told = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    expect(told.filter((label) => !kept.includes(label ?? ''))).toEqual([]);
  });
});

describe('every rule', () => {
  it.each(rules.map((rule) => [rule.alert ?? rule.record, rule.expr]))(
    '%s asks only for what is reported',
    (_name, expr) => {
      expect(unknownNames(expr, known)).toEqual([]);
    },
  );

  it.each(testFiles())('is tested by series as they are reported, in %s', (file) => {
    const series = readTests(file).tests.flatMap(({ input_series }) => input_series.map((one) => one.series));
    expect(series.flatMap((one) => unknownNames(one, known))).toEqual([]);
  });
});

describe('the check of names', () => {
  it.each([
    ['hub_token_lapsed > 0', 'nobody reports hub_token_lapsed'],
    ['hub_integration_lapsed{provider="x"}', 'hub_integration_lapsed has no label provider'],
    ['hub_integration_refresh_streak{hub_streak="4"}', 'hub_streak of hub_integration_refresh_streak is never 4'],
    ['sum by (hub_queue) (hub_integration_lapsed)', 'no metric of the expression has a label hub_queue'],
    ['hub_token_read_duration_seconds_bucket{le="0.2"}', 'le of hub_token_read_duration_seconds_bucket is never 0.2'],
    ['sum(rate(hub_audit_records_total[5m])', 'cannot be read at'],
  ])('finds what is wrong with %s', (expr, finding) => {
    expect(unknownNames(expr, known)).toEqual([expect.stringContaining(finding)]);
  });
});

describe('the example for Alertmanager', () => {
  const { route, inhibit_rules, receivers } = parse(
    readFileSync(path.join(ALERTS_FOLDER, 'alertmanager.yaml'), 'utf8'),
  ) as {
    route: { receiver: string; routes: { matchers: string[]; receiver: string }[] };
    inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal: string[] }[];
    receivers: { name: string }[];
  };

  it('names alerts that are there', () => {
    const matchers = [
      ...route.routes.flatMap((one) => one.matchers),
      ...inhibit_rules.flatMap((rule) => [...rule.source_matchers, ...rule.target_matchers]),
    ];
    const told = matchers.flatMap((matcher) => /^alertname="(\w+)"$/.exec(matcher)?.[1] ?? []);
    expect(told).toEqual(['Watchdog', 'ProviderOutage', 'RefreshConsecutiveFailures']);
    expect(told.filter((name) => !alertNames.includes(name))).toEqual([]);
  });

  it('sends pages to the pager, the heartbeat to its watcher, and the rest to the tickets', () => {
    const routes = route.routes.map(({ matchers, receiver }) => [matchers, receiver]);
    expect(routes).toEqual([
      [['alertname="Watchdog"'], 'heartbeat'],
      [['severity="page"'], 'pager'],
    ]);
    expect(route.receiver).toBe('tickets');
    expect(receivers.map(({ name }) => name)).toEqual(['pager', 'tickets', 'heartbeat']);
  });

  it('lets an outage silence the streaks of its own provider alone', () => {
    expect(inhibit_rules).toEqual([
      {
        source_matchers: ['alertname="ProviderOutage"'],
        target_matchers: ['alertname="RefreshConsecutiveFailures"'],
        equal: ['hub_provider'],
      },
    ]);
  });
});

describe('the error budgets', () => {
  const groups = readRules('slo.rules.yaml').groups.filter(({ name }) => name !== 'hub-slo-burn');
  const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'];

  it.each(groups.map(({ name, rules: own }) => [name, own] as const))(
    'of %s differ in nothing but their windows',
    (_name, own) => {
      const [budget, ...others] = own;
      expect(budget).toMatchObject({
        record: 'hub:slo_error_budget:ratio',
        expr: expect.stringMatching(/^vector\(0\.\d+\)$/),
      });
      const ratios = others.slice(0, WINDOWS.length);
      const events = others.slice(WINDOWS.length);
      expect(ratios.map(({ record }) => record)).toEqual(WINDOWS.map((window) => `hub:slo_errors:ratio_rate${window}`));
      expect(events.map(({ record }) => record)).toEqual(
        ['1h', '6h', '1d', '3d'].map((window) => `hub:slo_events:increase${window}`),
      );
      for (const same of [ratios, events]) {
        const withoutWindow = same.map(({ record, expr }) =>
          expr.replaceAll(`[${/(\d+[mhd])$/.exec(record ?? '')?.[1]}]`, '[]'),
        );
        expect(new Set(withoutWindow).size).toBe(1);
        expect(withoutWindow[0]).not.toMatch(/\[\d/);
      }
      expect(new Set(own.map(({ labels }) => labels?.['slo'])).size).toBe(1);
    },
  );
});
