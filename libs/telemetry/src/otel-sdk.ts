import { logs as logsOf } from '@opentelemetry/api-logs';
import { OTLPMetricExporter as JsonMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Signals, WritableEnvironment } from './otel-environment';
import { recordOf } from './record-export';
import { safeSpan } from './safe-spans';
import { temporalityOf } from './temporality';

/** Parameters whose values are secrets, should any instrumentation look at a query. */
const SECRET_PARAMETERS = [
  ...['code', 'state', 'access_token', 'refresh_token', 'id_token', 'client_secret', 'code_verifier', 'token'],
  ...['handle', 'flow', 'hmac', 'csrf'],
];

/** Where the setting is none; the configuration says so. */
const USUAL_INTERVAL_MS = 15_000;

const SCOPE = 'integrations-hub';

type Environment = Readonly<WritableEnvironment>;

/** The kit, and what sends a record's line; `undefined` where records are not sent. */
export interface StartedSdk {
  readonly sdk: NodeSDK;
  readonly sendRecord: ((line: string) => void) | undefined;
  /** Exports metrics at once. It never throws: what fails is told as for every export. */
  readonly exportMetrics: () => void;
}

/** OpenTelemetry's kit as the hub uses it, started. It reads `OTEL_*` of the process itself. @param environment that of the process */
export function startSdk({ traces, metrics, logs }: Signals, environment: Environment): StartedSdk {
  const reader = metrics ? readerOf(environment) : undefined;
  const sdk = new NodeSDK({
    ...(traces && { spanProcessors: [batchesOf(safely(traceExporter(environment)), environment)] }),
    metricReaders: reader ? [reader] : [],
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: ({ url = '' }) => url.startsWith('/health/'),
        disableOutgoingRequestInstrumentation: true, // calls of providers have spans of ours; the rest is the export itself
        redactedQueryParams: SECRET_PARAMETERS,
        redactedQueryParamsServer: SECRET_PARAMETERS,
      }),
      new PgInstrumentation({ requireParentSpan: true, enhancedDatabaseReporting: false }),
      new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command }),
      new RuntimeNodeInstrumentation(),
    ],
  });
  sdk.start();
  const logger = logsOf.getLogger(SCOPE);
  return {
    sdk,
    sendRecord: logs ? (line) => logger.emit(recordOf(line)) : undefined,
    exportMetrics: () => void reader?.forceFlush().catch(() => undefined), // the reader itself tells of it
  };
}

/** As OpenTelemetry chooses it, whose kit offers no place between its own exporter and a span. */
function traceExporter(environment: Environment): SpanExporter {
  return isJson('TRACES', environment) ? new JsonTraceExporter() : new ProtobufTraceExporter();
}

function isJson(signal: 'TRACES' | 'METRICS', environment: Environment): boolean {
  const names = [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  return names.map((name) => environment[name]).find((protocol) => protocol) === 'http/json';
}

function numberOf(name: string, environment: Environment): number | undefined {
  const value = Number(environment[name] || NaN);
  return value >= 0 ? value : undefined;
}

/** Metrics as `OTEL_METRIC_EXPORT_*` wants them, and each kind of instrument told as it is meant. */
function readerOf(environment: Environment): PeriodicExportingMetricReader {
  const exporter = isJson('METRICS', environment) ? new JsonMetricExporter() : new ProtobufMetricExporter();
  exporter.selectAggregationTemporality = temporalityOf;
  const intervalMs = numberOf('OTEL_METRIC_EXPORT_INTERVAL', environment) || USUAL_INTERVAL_MS;
  const timeoutMs = numberOf('OTEL_METRIC_EXPORT_TIMEOUT', environment) || intervalMs;
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(timeoutMs, intervalMs), // it throws where an export may take longer than the interval
  });
}

/** Batches as `OTEL_BSP_*` wants them; the kit reads these for its own exporters alone. */
function batchesOf(exporter: SpanExporter, environment: Environment): BatchSpanProcessor {
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: numberOf('OTEL_BSP_MAX_QUEUE_SIZE', environment),
    maxExportBatchSize: numberOf('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', environment),
    scheduledDelayMillis: numberOf('OTEL_BSP_SCHEDULE_DELAY', environment),
    exportTimeoutMillis: numberOf('OTEL_BSP_EXPORT_TIMEOUT', environment),
  });
}

function safely(exporter: SpanExporter): SpanExporter {
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, onResult) => send(spans.map(safeSpan), onResult);
  return exporter;
}
