import { completeEnvironment, wantedSignals, type WritableEnvironment } from './otel-environment';

const COLLECTOR = 'http://collector:4318';

it.each<[string, WritableEnvironment, boolean, boolean]>([
  ['no address', {}, false, false],
  ['one address for all', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }, true, true],
  ['an address for metrics', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: COLLECTOR }, false, true],
  ['an address for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: COLLECTOR }, true, false],
  ['traces unwanted', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR, OTEL_TRACES_EXPORTER: 'none' }, false, true],
  ['all turned off', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR, OTEL_SDK_DISABLED: 'True' }, false, false],
  ['all turned off, by a number', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR, OTEL_SDK_DISABLED: '1' }, false, false],
  ['an empty address', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false, false],
  ['what is no address', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }, false, false],
])('%s', (_what, environment, traces, metrics) => {
  expect(wantedSignals(environment)).toEqual({ traces, metrics, logs: false });
});

it.each<[string, WritableEnvironment, boolean]>([
  ['where they are asked for', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR, OTEL_LOGS_EXPORTER: 'otlp' }, true],
  ['to an address of their own', { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: COLLECTOR, OTEL_LOGS_EXPORTER: 'otlp' }, true],
  ['not where nobody asks', { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR }, false],
  ['not without an address', { OTEL_LOGS_EXPORTER: 'otlp' }, false],
])('records are sent %s', (_what, environment, logs) => {
  expect(wantedSignals(environment).logs).toBe(logs);
});

it('what is not set is filled in, and what is set stays', () => {
  const environment: WritableEnvironment = {
    OTEL_METRIC_EXPORT_INTERVAL: '5000',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-1',
    OTEL_TRACES_EXPORTER: 'console',
  };
  completeEnvironment(environment, 'gateway', { traces: true, metrics: false, logs: false });
  expect(environment).toMatchObject({
    OTEL_SERVICE_NAME: 'hub-gateway',
    OTEL_METRIC_EXPORT_INTERVAL: '5000',
    OTEL_EXPORTER_OTLP_TIMEOUT: '3000',
    OTEL_PROPAGATORS: 'tracecontext',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-1,service.namespace=integrations-hub',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'none',
  });
});
