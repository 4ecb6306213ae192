export { ExchangeRecord, type ExchangeNames } from './exchange-record';
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
  preset,
  type AttributesOf,
  type CounterName,
  type GaugeName,
  type GaugeReading,
  type HistogramName,
  type PresetValues,
} from './metrics';
export { tellBuild } from './build-info';
export { TelemetryModule } from './telemetry.module';
export { schedulerStarted, schedulerSucceeded, type SchedulerName } from './scheduler-times';
export { exportMetrics, startTelemetry, stopTelemetry, telemetryTellsTo } from './otel';
export { failSpan, inSpan, nameRoute, tellSpan, traceparentNow, type SpanOptions } from './spans';
export { temporalityOf } from './temporality';
