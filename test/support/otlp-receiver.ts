import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

type Value = string | number | boolean | readonly Value[] | undefined;

/** One span, as OTLP brought it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  /** OTLP's numbers: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** One series of a metric at one export. */
export interface ReceivedPoint {
  readonly service: string;
  readonly instance: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: 'sum' | 'gauge' | 'histogram';
  readonly isMonotonic: boolean;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Of a sum or a gauge. */
  readonly value: number;
  /** Of a histogram: upper bounds, and how many lie up to each, the last beyond all. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** One record of the log, as OTLP brought it. */
export interface ReceivedRecord {
  readonly service: string;
  readonly eventName: string;
  readonly severity: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, Value>>;
}

/** A collector for tests: it takes OTLP over HTTP in JSON (`OTEL_EXPORTER_OTLP_PROTOCOL=http/json`), and keeps all of it. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Every point of every export, in their order. */
  readonly points: ReceivedPoint[] = [];
  readonly records: ReceivedRecord[] = [];
  /** All that was sent, as it was sent. */
  readonly bodies: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<OtlpReceiver> {
    const server = createServer();
    const receiver = new OtlpReceiver(server);
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const whole = Buffer.concat(parts);
        receiver.take((request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole).toString());
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What an app needs to send here, soon after it happens. */
  get environment(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_METRIC_EXPORT_TIMEOUT: '900',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_BLRP_SCHEDULE_DELAY: '200',
    };
  }

  /** The newest value of each series. */
  latest(): ReceivedPoint[] {
    const series = new Map<string, ReceivedPoint>();
    for (const point of this.points)
      series.set(JSON.stringify([point.service, point.instance, point.name, point.attributes]), point);
    return [...series.values()];
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private take(body: string): void {
    this.bodies.push(body);
    const { resourceSpans = [], resourceMetrics = [], resourceLogs = [] } = JSON.parse(body) as OtlpBody;
    for (const { resource, scopeLogs = [] } of resourceLogs)
      for (const record of scopeLogs.flatMap(({ logRecords = [] }) => logRecords))
        this.records.push(toRecord(record, resource));
    for (const { resource, scopeSpans = [] } of resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans = [] }) => spans)) this.spans.push(toSpan(span, resource));
    for (const { resource, scopeMetrics = [] } of resourceMetrics)
      for (const metric of scopeMetrics.flatMap(({ metrics = [] }) => metrics))
        this.points.push(...toPoints(metric, resource));
  }
}

/** The part of OTLP's JSON (opentelemetry-proto) that is read here. 64-bit numbers come as text. */
interface OtlpBody {
  readonly resourceSpans?: readonly {
    readonly resource?: OtlpResource;
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource?: OtlpResource;
    readonly scopeMetrics?: readonly { readonly metrics?: readonly OtlpMetric[] }[];
  }[];
  readonly resourceLogs?: readonly {
    readonly resource?: OtlpResource;
    readonly scopeLogs?: readonly { readonly logRecords?: readonly OtlpRecord[] }[];
  }[];
}
interface OtlpRecord {
  readonly eventName?: string;
  readonly severityNumber?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes?: readonly KeyValue[];
}
interface OtlpResource {
  readonly attributes?: readonly KeyValue[];
}
interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue;
}
interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
}
interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}
interface OtlpMetric {
  readonly name: string;
  readonly unit?: string;
  readonly gauge?: { readonly dataPoints?: readonly OtlpPoint[] };
  readonly sum?: { readonly dataPoints?: readonly OtlpPoint[]; readonly isMonotonic?: boolean };
  readonly histogram?: { readonly dataPoints?: readonly OtlpPoint[] };
}
interface OtlpPoint {
  readonly attributes?: readonly KeyValue[];
  readonly asInt?: string | number;
  readonly asDouble?: number;
  readonly explicitBounds?: readonly number[];
  readonly bucketCounts?: readonly (string | number)[];
  readonly sum?: number;
  readonly count?: string | number;
}

const ERROR = 2;

function toSpan(span: OtlpSpan, resource: OtlpResource = {}): ReceivedSpan {
  return {
    service: text(valuesOf(resource.attributes)['service.name']),
    name: span.name,
    kind: span.kind,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    isError: span.status?.code === ERROR,
    attributes: valuesOf(span.attributes),
    links: span.links ?? [],
  };
}

function toRecord(record: OtlpRecord, resource: OtlpResource = {}): ReceivedRecord {
  return {
    service: text(valuesOf(resource.attributes)['service.name']),
    eventName: record.eventName ?? '',
    severity: record.severityNumber ?? 0,
    traceId: record.traceId ?? '',
    spanId: record.spanId ?? '',
    attributes: valuesOf(record.attributes),
  };
}

function toPoints(
  { name, unit = '', gauge, sum, histogram }: OtlpMetric,
  resource: OtlpResource = {},
): ReceivedPoint[] {
  const of = valuesOf(resource.attributes);
  const kind = gauge ? 'gauge' : sum ? 'sum' : 'histogram';
  return ((gauge ?? sum ?? histogram)?.dataPoints ?? []).map((point) => ({
    service: text(of['service.name']),
    instance: text(of['service.instance.id']),
    name,
    unit,
    kind,
    isMonotonic: sum?.isMonotonic === true,
    attributes: valuesOf(point.attributes),
    value: point.asDouble ?? Number(point.asInt ?? 0),
    bounds: point.explicitBounds ?? [],
    counts: (point.bucketCounts ?? []).map(Number),
    sum: point.sum ?? 0,
    count: Number(point.count ?? 0),
  }));
}

function valuesOf(attributes: readonly KeyValue[] = []): Record<string, Value> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: AnyValue = {}): Value {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(valueOf);
  return (
    value.stringValue ??
    value.boolValue ??
    value.doubleValue ??
    (value.intValue === undefined ? undefined : Number(value.intValue))
  );
}

const text = (value: Value): string => (typeof value === 'string' ? value : '');
