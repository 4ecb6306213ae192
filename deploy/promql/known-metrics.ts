import { METRICS, prometheusName, type AttributeValues, type MetricDeclaration } from '@hub/telemetry';

/** A series name that Prometheus may hold, with the labels that it may have and their values where they are closed. */
export interface KnownSeries {
  readonly labels: readonly string[];
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** Labels that a process's resource gives to all of its series, and the one of series that were folded. */
const ON_ALL = ['service_name', 'service_instance_id', 'otel_metric_overflow', 'job', 'instance'];

/**
 * Metrics of OpenTelemetry's own instrumentation, by their names in Prometheus, as @opentelemetry/instrumentation-http,
 * -pg and -runtime-node declare them in the versions of package.json.
 */
const PLATFORM: Readonly<Record<string, { readonly isHistogram?: true; readonly labels: readonly string[] }>> = {
  http_server_request_duration_seconds: {
    isHistogram: true,
    labels: ['http_request_method', 'http_response_status_code', 'http_route', 'error_type'],
  },
  db_client_connection_count: { labels: ['db_client_connection_pool_name', 'db_client_connection_state'] },
  db_client_connection_pending_requests: { labels: ['db_client_connection_pool_name'] },
  nodejs_eventloop_delay_p99_seconds: { labels: [] },
  nodejs_eventloop_utilization_ratio: { labels: [] },
  v8js_memory_heap_used_bytes: { labels: ['v8js_heap_space_name'] },
};

const HISTOGRAM_SUFFIXES = ['_bucket', '_sum', '_count'];

/** An attribute's key as a label: dots become underscores. */
export const labelOf = (attribute: string): string => attribute.replaceAll('.', '_');

/** Everything that alerts and dashboards may ask for: the catalogue's metrics, and those of the platform. */
export function knownSeries(): ReadonlyMap<string, KnownSeries> {
  const known = new Map<string, KnownSeries>();
  const add = (name: string, isHistogram: boolean, series: KnownSeries, bounds: readonly number[] = []): void => {
    if (!isHistogram) {
      known.set(name, series);
      return;
    }
    for (const suffix of HISTOGRAM_SUFFIXES) known.set(name + suffix, series);
    const { labels, values } = series;
    known.set(`${name}_bucket`, {
      labels: [...labels, 'le'],
      values: bounds.length > 0 ? { ...values, le: [...bounds.map(String), '+Inf'] } : values,
    });
  };
  for (const metric of Object.values<MetricDeclaration>(METRICS)) {
    const attributes = Object.entries<AttributeValues>(metric.attributes);
    const closed = attributes.filter((entry): entry is [string, readonly string[]] => typeof entry[1] !== 'string');
    add(
      prometheusName(metric),
      metric.kind === 'histogram',
      {
        labels: [...attributes.map(([key]) => labelOf(key)), ...ON_ALL],
        values: Object.fromEntries(closed.map(([key, values]) => [labelOf(key), values])),
      },
      metric.buckets,
    );
  }
  for (const [name, { isHistogram, labels }] of Object.entries(PLATFORM))
    add(name, isHistogram ?? false, { labels: [...labels, ...ON_ALL], values: {} });
  known.set('', { labels: ON_ALL, values: {} });
  known.set('ALERTS', { labels: ['alertname', 'alertstate', 'severity', 'hub_provider'], values: {} });
  return known;
}
