export { HealthServer, type Readiness } from './health-server';
export { HubLogger, type LogFields } from './logger';
export {
  METRICS,
  prometheusName,
  type AttributeValues,
  type MetricDeclaration,
  type MetricKind,
  type MetricName,
} from './metric-catalog';
export {
  count,
  measure,
  observe,
  type AttributesOf,
  type CounterName,
  type GaugeName,
  type GaugeReading,
  type HistogramName,
} from './metrics';
export { TelemetryModule } from './telemetry.module';
