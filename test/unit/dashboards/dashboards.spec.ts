import { readdirSync, readFileSync } from 'node:fs';
import { buildDashboard, DASHBOARDS, panelExpressions } from '../../../deploy/dashboards/src/dashboards';
import { knownSeries, type KnownSeries } from '../../../deploy/promql/known-metrics';
import { withoutVariables } from '../../../deploy/promql/promql';
import { unknownNames } from '../../../deploy/promql/unknown-names';
import { allRules } from '../../support/alert-rules';

const FOLDER = 'deploy/dashboards';
const panels = DASHBOARDS.flatMap(({ name, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => [`${name}: ${panel.title}`, panel] as const)),
);
const expressions = panelExpressions().map(({ dashboard, panel, expr }) => [`${dashboard}: ${panel}`, expr] as const);

const known = new Map<string, KnownSeries>([
  ...knownSeries(),
  ...allRules().flatMap(({ record, labels }) =>
    record ? [[record, { labels: Object.keys(labels ?? {}), values: {} }] as const] : [],
  ),
]);

interface JsonPanel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string }[];
}

describe('the files', () => {
  it.each(DASHBOARDS.map((spec) => [spec.name, spec] as const))(
    '%s.json is what the code says (if not: npm run generate)',
    (name, spec) => {
      const text = readFileSync(`${FOLDER}/${name}.json`, 'utf8');
      expect(text).toBe(`${JSON.stringify(buildDashboard(spec), null, 2)}\n`);
    },
  );

  it('are those of the dashboards and no others', () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
    expect(files.sort()).toEqual(DASHBOARDS.map(({ name }) => `${name}.json`).sort());
  });

  it('hold every panel with its unit, its description and its queries', () => {
    const written = DASHBOARDS.flatMap(
      ({ name }) => (JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf8')) as { panels: JsonPanel[] }).panels,
    ).filter(({ type }) => type !== 'row');
    expect(
      written.map(({ title, description, fieldConfig, targets }) => ({
        title,
        description,
        unit: fieldConfig?.defaults.unit,
        queries: targets?.map(({ expr }) => expr),
      })),
    ).toEqual(
      panels.map(([, { title, description, unit, queries }]) => ({
        title,
        description,
        unit,
        queries: queries.map(({ expr }) => expr),
      })),
    );
  });
});

describe('every panel', () => {
  it.each(panels)('%s says what it shows, in which unit', (_name, { description, unit, queries }) => {
    expect(description.length).toBeGreaterThan(20);
    expect(unit).not.toBe('');
    expect(queries.length).toBeGreaterThan(0);
  });

  it.each(expressions)('%s asks only for what is reported', (_name, expr) => {
    expect(unknownNames(withoutVariables(expr), known)).toEqual([]);
  });

  it.each(expressions)('%s looks back by $__rate_interval alone', (_name, expr) => {
    expect(
      [...expr.matchAll(/\[([^\]]*)\]/g)].map(([, range]) => range).filter((range) => range !== '$__rate_interval'),
    ).toEqual([]);
  });

  it.each(expressions)('%s asks for the provider only where one can be chosen', (name, expr) => {
    const dashboard = DASHBOARDS.find((spec) => name.startsWith(`${spec.name}:`));
    if (!dashboard?.byProvider) expect(expr).not.toContain('$provider');
  });

  it.each(panels)('%s names only labels that its expressions keep', (_name, { queries }) => {
    for (const { expr, legend } of queries)
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(expr).toContain(label);
  });
});

it('every metric of the catalogue is on a panel', () => {
  const all = expressions.map(([, expr]) => expr).join('\n');
  const unseen = [...knownSeries().keys()]
    .filter((name) => name !== '')
    .filter((name) => !/_(bucket|sum)$/.test(name))
    .map((name) => name.replace(/_count$/, ''))
    .filter((name) => !all.includes(name));
  expect(unseen).toEqual([]);
});
