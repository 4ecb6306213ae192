import { METRICS, prometheusName, type MetricName } from '@hub/telemetry';

/** How a number is written, by Grafana's names: seconds, per second, a share from 0 to 1, bytes, a plain count, a date. */
export type Unit = 's' | 'ops' | 'percentunit' | 'bytes' | 'short' | 'none';

/** One line or number of a panel. */
export interface Query {
  readonly expr: string;
  /** Grafana's template of its name. */
  readonly legend: string;
}

/** A panel, as far as the dashboards differ in it. */
export interface PanelSpec {
  readonly title: string;
  /** What it shows, and what is bad. */
  readonly description: string;
  readonly kind: 'line' | 'number' | 'table';
  readonly unit: Unit;
  /** From here on it is drawn in red. */
  readonly badFrom?: number;
  /** Bad is what lies below `badFrom`. */
  readonly badBelow?: boolean;
  readonly queries: readonly Query[];
}

/** A dashboard: its rows of panels. */
export interface DashboardSpec {
  /** Its file, and its place in Grafana's addresses. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Whether it can be narrowed down to some providers. */
  readonly byProvider: boolean;
  readonly rows: readonly { readonly title: string; readonly panels: readonly PanelSpec[] }[];
}

/** A metric of the catalogue by its name in Prometheus. */
export const metric = (name: MetricName): string => prometheusName(METRICS[name]);

/** Narrows a selector to the providers that are chosen. */
export const CHOSEN = 'hub_provider=~"$provider"';

/** A counter's growth in each second, summed. @param selector a metric with its labels */
export const perSecond = (by: string, selector: string): string =>
  `sum by (${by}) (rate(${selector}[$__rate_interval]))`;

/** What a share of a histogram's measurements stays below. @param labels without braces */
export function quantile(share: number, name: MetricName, by: string, labels = ''): string {
  const selector = `${metric(name)}_bucket${labels && `{${labels}}`}`;
  return `histogram_quantile(${share}, ${perSecond(by ? `${by}, le` : 'le', selector)})`;
}

/** A gauge that replicas report alike. */
export const largest = (by: string, name: MetricName, labels = ''): string =>
  `max by (${by}) (${metric(name)}${labels && `{${labels}}`})`;
