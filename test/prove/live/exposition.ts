/** An attribute as OTLP writes it in JSON. */
interface OtlpAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: number | string;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
}

interface OtlpPoint {
  readonly attributes?: readonly OtlpAttribute[];
  readonly asInt?: number | string;
  readonly asDouble?: number;
}

interface OtlpHistogramPoint {
  readonly attributes?: readonly OtlpAttribute[];
  readonly count: number | string;
  readonly sum?: number;
  readonly bucketCounts: readonly (number | string)[];
  readonly explicitBounds: readonly number[];
}

/** A metric as OTLP carries it. */
export interface OtlpMetric {
  readonly name: string;
  readonly unit?: string;
  readonly sum?: {
    readonly aggregationTemporality: number;
    readonly isMonotonic?: boolean;
    readonly dataPoints: readonly OtlpPoint[];
  };
  readonly gauge?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly aggregationTemporality: number; readonly dataPoints: readonly OtlpHistogramPoint[] };
}

/** What one process sends at an export, as JSON (opentelemetry-proto, ExportMetricsServiceRequest). */
export interface OtlpExport {
  readonly resourceMetrics: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpAttribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

/** Attributes of the resource that become labels of every series, as docs of the collector have it. */
const PROMOTED = ['service.name', 'service.namespace', 'service.instance.id'];
const CUMULATIVE = 2;

/** Units by UCUM that the hub's apps use, as Prometheus spells them out. */
const UNITS: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes', '1': 'ratio' };

/**
 * The name that Prometheus gives to a metric that came by OTLP, by OpenTelemetry's *Prometheus and OpenMetrics
 * Compatibility*. This is a second reading of the rules beside `prometheusName` of the catalogue, from what is sent
 * instead of from what is declared: a test holds them against each other.
 *
 * @throws Error for a unit that nobody has thought of
 */
export function sentName({ name, unit = '', sum, gauge }: OtlpMetric): string {
  const words = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_').split(/_+/);
  const isAnnotation = /^\{.*\}$/.test(unit);
  if (unit !== '' && !isAnnotation && !(unit in UNITS))
    throw new Error(`${name} has a unit that is not known: ${unit}`);
  const unitWord = unit === '1' && !gauge ? undefined : UNITS[unit];
  if (unitWord !== undefined && !words.includes(unitWord)) words.push(unitWord);
  const isCounter = sum?.isMonotonic === true;
  return [...words.filter((word) => !isCounter || word !== 'total'), ...(isCounter ? ['total'] : [])].join('_');
}

/**
 * Exports of several processes as one page that Prometheus reads (text format 0.0.4).
 *
 * @throws Error for what the hub does not send: delta temporality, exponential histograms, summaries
 */
export function exposition(exports: readonly OtlpExport[]): string {
  const series = new Map<string, string[]>();
  for (const { resource, metric } of exports.flatMap(metricsOf)) {
    const name = sentName(metric);
    const lines = series.get(name) ?? [];
    series.set(name, lines);
    lines.push(...samplesOf(name, metric, resource));
  }
  const types = new Map(exports.flatMap(metricsOf).map(({ metric }) => [sentName(metric), typeOf(metric)]));
  return [...series].map(([name, lines]) => `# TYPE ${name} ${types.get(name)}\n${lines.join('\n')}\n`).join('');
}

type Labels = Readonly<Record<string, string>>;

function metricsOf({ resourceMetrics }: OtlpExport): { resource: Labels; metric: OtlpMetric }[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const promoted = (resource?.attributes ?? []).filter(({ key }) => PROMOTED.includes(key));
    return scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => ({ resource: labelsOf(promoted), metric })));
  });
}

function typeOf({ sum, histogram }: OtlpMetric): string {
  if (histogram) return 'histogram';
  return sum?.isMonotonic ? 'counter' : 'gauge';
}

function samplesOf(name: string, metric: OtlpMetric, resource: Labels): string[] {
  const { sum, gauge, histogram } = metric;
  if ((sum ?? histogram) && (sum ?? histogram)?.aggregationTemporality !== CUMULATIVE)
    throw new Error(`${metric.name} is not cumulative`);
  if (histogram)
    return histogram.dataPoints.flatMap((point) =>
      histogramSamples(name, point, { ...resource, ...labelsOf(point.attributes) }),
    );
  const points = sum?.dataPoints ?? gauge?.dataPoints;
  if (!points) throw new Error(`${metric.name} is neither sum, gauge nor histogram`);
  return points.map((point) =>
    sample(name, { ...resource, ...labelsOf(point.attributes) }, Number(point.asDouble ?? point.asInt)),
  );
}

/** OTLP counts each bucket by itself, Prometheus all up to its bound. */
function histogramSamples(name: string, point: OtlpHistogramPoint, labels: Labels): string[] {
  let upTo = 0;
  const buckets = point.bucketCounts.map((count, place) => {
    upTo += Number(count);
    const bound = point.explicitBounds[place];
    return sample(`${name}_bucket`, { ...labels, le: bound === undefined ? '+Inf' : String(bound) }, upTo);
  });
  return [
    ...buckets,
    sample(`${name}_sum`, labels, point.sum ?? 0),
    sample(`${name}_count`, labels, Number(point.count)),
  ];
}

function sample(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}{${written.join(',')}} ${value}`;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function labelsOf(attributes: readonly OtlpAttribute[] = []): Labels {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key.replaceAll(/[^a-zA-Z0-9_]/g, '_'),
      String(value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue ?? ''),
    ]),
  );
}
