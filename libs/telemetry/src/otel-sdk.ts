import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Signals, WritableEnvironment } from './otel-environment';
import { safeSpan } from './safe-spans';

/** Parameters whose values are secrets, should any instrumentation look at a query. */
const SECRET_PARAMETERS = [
  ...['code', 'state', 'access_token', 'refresh_token', 'id_token', 'client_secret', 'code_verifier', 'token'],
  ...['handle', 'flow', 'hmac', 'csrf'],
];

type Environment = Readonly<WritableEnvironment>;

/** OpenTelemetry's kit as the hub uses it, started. It reads `OTEL_*` of the process itself. @param environment that of the process */
export function startSdk({ traces }: Signals, environment: Environment): NodeSDK {
  const sdk = new NodeSDK({
    ...(traces && { spanProcessors: [batchesOf(safely(traceExporter(environment)), environment)] }),
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
  return sdk;
}

/** As OpenTelemetry chooses it, whose kit offers no place between its own exporter and a span. */
function traceExporter(environment: Environment): SpanExporter {
  const protocol = environment['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || environment['OTEL_EXPORTER_OTLP_PROTOCOL'];
  const isJson = protocol === 'http/json';
  return isJson ? new JsonTraceExporter() : new ProtobufTraceExporter();
}

/** Batches as `OTEL_BSP_*` wants them; the kit reads these for its own exporters alone. */
function batchesOf(exporter: SpanExporter, environment: Environment): BatchSpanProcessor {
  const number = (name: string): number | undefined => {
    const value = Number(environment[name] || NaN);
    return value >= 0 ? value : undefined;
  };
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: number('OTEL_BSP_MAX_QUEUE_SIZE'),
    maxExportBatchSize: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
    scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY'),
    exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT'),
  });
}

function safely(exporter: SpanExporter): SpanExporter {
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, onResult) => send(spans.map(safeSpan), onResult);
  return exporter;
}
