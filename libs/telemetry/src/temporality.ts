import type { AggregationTemporality, InstrumentType } from '@opentelemetry/sdk-metrics';

// the SDK's own values, written out: to import them is to load it at every start, wanted or not
const DELTA: AggregationTemporality.DELTA = 0;
const CUMULATIVE: AggregationTemporality.CUMULATIVE = 1;
const GAUGES: readonly string[] = ['GAUGE', 'OBSERVABLE_GAUGE'];

/**
 * How an export tells each kind of instrument. Counts are sums since the start, as Prometheus takes them. A gauge is told as
 * it was read for this very export: by the other way the SDK goes on telling every value that it was ever read to have
 * (sdk-metrics 2.12, `TemporalMetricProcessor`), so that a gauge without a value, or an integration that has recovered,
 * would never be seen. On the wire a gauge has no temporality.
 */
export function temporalityOf(instrument: InstrumentType): AggregationTemporality {
  return GAUGES.includes(instrument) ? DELTA : CUMULATIVE;
}
