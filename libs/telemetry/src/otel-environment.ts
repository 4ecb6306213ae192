/** The environment of a process, as it may be written to. */
export type WritableEnvironment = Record<string, string | undefined>;

/** A dead collector must not hold up the end of a process. */
const EXPORT_WITHIN_MS = '3000';

/**
 * What holds where OpenTelemetry's own variables are not set. Their meaning is OpenTelemetry's (Environment Variable
 * Specification); metrics go every 15 s, since an alert that comes a minute later may come too late.
 */
const DEFAULTS: Readonly<Record<string, string>> = {
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_TIMEOUT: EXPORT_WITHIN_MS,
  OTEL_METRIC_EXPORT_INTERVAL: '15000',
  OTEL_METRIC_EXPORT_TIMEOUT: EXPORT_WITHIN_MS,
  OTEL_BSP_EXPORT_TIMEOUT: EXPORT_WITHIN_MS,
  OTEL_BLRP_EXPORT_TIMEOUT: EXPORT_WITHIN_MS,
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: '1',
  OTEL_PROPAGATORS: 'tracecontext', // baggage would carry what strangers send from app to app
  OTEL_NODE_RESOURCE_DETECTORS: 'serviceinstance,env', // the later one wins: a drawn id gives way to one that is set
};

/** Which signals have somewhere to go. */
export interface Signals {
  readonly traces: boolean;
  readonly metrics: boolean;
  /** Records of the log, which else stand on standard output. */
  readonly logs: boolean;
}

/** @returns what is to be exported: without an address nothing is, whatever OpenTelemetry's default says, and records only if they are asked for */
export function wantedSignals(environment: Readonly<WritableEnvironment>): Signals {
  const isOff = ['true', '1'].includes(environment['OTEL_SDK_DISABLED']?.trim().toLowerCase() ?? '');
  const exporterOf = (signal: string): string | undefined => environment[`OTEL_${signal}_EXPORTER`]?.trim();
  const goes = (signal: 'TRACES' | 'METRICS' | 'LOGS'): boolean => {
    const to = [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, 'OTEL_EXPORTER_OTLP_ENDPOINT'].map((name) =>
      environment[name]?.trim(),
    );
    const address = to.find((text) => text);
    const isRefused = exporterOf(signal) === 'none';
    return !isOff && !isRefused && address !== undefined && URL.canParse(address);
  };
  return {
    traces: goes('TRACES'),
    metrics: goes('METRICS'),
    logs: exporterOf('LOGS') === 'otlp' && goes('LOGS'),
  };
}

/** Fills in what OpenTelemetry's kit reads and the operator has not set. @param app such as `gateway` */
export function completeEnvironment(environment: WritableEnvironment, app: string, signals: Signals): void {
  const set = (name: string, value: string): void => void (environment[name] ||= value);
  for (const [name, value] of Object.entries(DEFAULTS)) set(name, value);
  set('OTEL_SERVICE_NAME', `hub-${app}`);
  if (!/(^|,)service\.namespace=/.test(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? ''))
    environment['OTEL_RESOURCE_ATTRIBUTES'] = [
      environment['OTEL_RESOURCE_ATTRIBUTES'],
      'service.namespace=integrations-hub',
    ]
      .filter((part) => part)
      .join(',');
  environment['OTEL_TRACES_EXPORTER'] = signals.traces ? 'otlp' : 'none';
  environment['OTEL_METRICS_EXPORTER'] = signals.metrics ? 'otlp' : 'none';
  environment['OTEL_LOGS_EXPORTER'] = signals.logs ? 'otlp' : 'none';
}
