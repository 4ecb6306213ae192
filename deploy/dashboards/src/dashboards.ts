import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  type Dashboard,
  type Panel,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as NumberBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LineBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { freshness } from './freshness';
import { overview } from './overview';
import { metric, type DashboardSpec, type PanelSpec } from './panel';
import { platform } from './platform';
import { providers } from './providers';
import { queues } from './queues';
import { sync } from './sync';

/** All dashboards. */
export const DASHBOARDS: readonly DashboardSpec[] = [overview, freshness, providers, queues, sync, platform];

const SOURCE: DataSourceRef = { type: 'prometheus', uid: '${datasource}' };
/** Grafana's grid is 24 wide. */
const WIDTH = { line: 12, table: 12, number: 6 } as const;
const HEIGHT = { line: 8, table: 8, number: 8 } as const;

/** An expression of a panel, with Grafana's variables as they stand in it. */
export interface PanelExpression {
  readonly dashboard: string;
  readonly panel: string;
  readonly expr: string;
}

/** Every expression of every panel: for those who run them against a Prometheus, each must give one series at least. */
export const panelExpressions = (): readonly PanelExpression[] =>
  DASHBOARDS.flatMap(({ name, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ dashboard: name, panel: title, expr }))),
    ),
  );

/** A dashboard as Grafana imports it. */
export function buildDashboard(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.name)
    .description(spec.description)
    .tags(['integrations-hub'])
    .readonly()
    .refresh('1m')
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  if (spec.byProvider)
    builder.withVariable(
      new QueryVariableBuilder('provider')
        .label('Provider')
        .datasource(SOURCE)
        .query(`label_values(${metric('integrations')}, hub_provider)`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ selected: true, text: ['All'], value: ['$__all'] }),
    );
  for (const { title, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(buildPanel(panel));
  }
  return builder.build();
}

function buildPanel(spec: PanelSpec): Builder<Panel> {
  const { kind, title, description, unit, queries } = spec;
  const panel =
    kind === 'line' ? new LineBuilder().fillOpacity(5) : kind === 'number' ? new NumberBuilder() : new TableBuilder();
  panel
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .unit(unit)
    .span(WIDTH[kind])
    .height(HEIGHT[kind])
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps(spec)));
  queries.forEach(({ expr, legend }, index) => {
    const query = new DataqueryBuilder()
      .expr(expr)
      .legendFormat(legend)
      .refId(String.fromCharCode(65 + index));
    // a number and a table show what is now, a line what was
    panel.withTarget(kind === 'line' ? query.range() : query.instant().format(formatOf(kind)));
  });
  return panel;
}

const formatOf = (kind: PanelSpec['kind']): PromQueryFormat =>
  kind === 'table' ? PromQueryFormat.Table : PromQueryFormat.TimeSeries;

function steps({ badFrom, badBelow }: PanelSpec): Threshold[] {
  const [below, above] = badBelow ? ['red', 'green'] : ['green', 'red'];
  return [
    { value: null, color: badFrom === undefined ? 'green' : below },
    ...(badFrom === undefined ? [] : [{ value: badFrom, color: above }]),
  ] as Threshold[];
}
