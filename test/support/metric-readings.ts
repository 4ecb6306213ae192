import { METRICS, temporalityOf, type MetricDeclaration, type MetricName } from '@hub/telemetry';
import { metrics, type Attributes } from '@opentelemetry/api';
import {
  DataPointType,
  MeterProvider,
  MetricReader,
  type DataPoint,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';

/** One series as an export would carry it: the value of a counter or gauge, or how often a histogram was measured and what it sums to. */
export interface Reading {
  readonly attributes: Attributes;
  readonly value: number;
  readonly sum: number;
}

/** Reads whenever a test asks. */
class AskedReader extends MetricReader {
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
}

/** OpenTelemetry's own SDK in this process, without anybody to export to. */
export class MetricReadings {
  private constructor(
    private readonly provider: MeterProvider,
    private readonly reader: AskedReader,
  ) {}

  /** Call it before anything is counted: an instrument that was made without an SDK stays without. */
  static start(): MetricReadings {
    const reader = new AskedReader({ aggregationTemporalitySelector: temporalityOf });
    const provider = new MeterProvider({ readers: [reader] });
    if (!metrics.setGlobalMeterProvider(provider)) throw new Error('this process has a meter provider already');
    return new MetricReadings(provider, reader);
  }

  /** Everything that an export would carry now. Ask once at a time: what one collection tells of gauges another does not. @throws Error if a gauge could not be read */
  async all(): Promise<MetricData[]> {
    const { resourceMetrics, errors } = await this.reader.collect();
    if (errors.length > 0) throw errors[0];
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  }

  /** The series of one metric; none: nothing was recorded. */
  async of(name: MetricName): Promise<Reading[]> {
    const found = (await this.all()).filter(({ descriptor }) => descriptor.name === METRICS[name].name);
    return found.flatMap(readingsOf);
  }

  /** The value of the one series with these attributes, 0 if there is none. @param attributes what is left out plays no part */
  async value(name: MetricName, attributes: Attributes = {}): Promise<number> {
    const readings = (await this.of(name)).filter((reading) => has(reading.attributes, attributes));
    return readings.reduce((sum, { value }) => sum + value, 0);
  }

  async stop(): Promise<void> {
    await this.provider.shutdown();
    metrics.disable();
  }
}

function readingsOf(metric: MetricData): Reading[] {
  if (metric.dataPointType === DataPointType.HISTOGRAM)
    return metric.dataPoints.map(({ attributes, value }: DataPoint<Histogram>) => ({
      attributes,
      value: value.count,
      sum: value.sum ?? 0,
    }));
  return (metric.dataPoints as DataPoint<number>[]).map(({ attributes, value }) => ({ attributes, value, sum: value }));
}

function has(attributes: Attributes, wanted: Attributes): boolean {
  return Object.entries(wanted).every(([key, value]) => attributes[key] === value);
}

/** A series, as whoever received it knows it. */
export interface ReceivedSeries {
  readonly metric: string;
  readonly attributes: Attributes;
}

const DECLARED = new Map<string, MetricDeclaration>(Object.values(METRICS).map((metric) => [metric.name, metric]));

/**
 * What is wrong with series by the catalogue: a name of the hub's that it does not have, an attribute that the metric does
 * not take, a value out of its closed list.
 *
 * @param providers every provider that is registered
 */
export function offences(series: readonly ReceivedSeries[], providers: readonly string[]): string[] {
  return [...new Set(series.flatMap((one) => offencesOf(one, providers)))];
}

function offencesOf({ metric, attributes }: ReceivedSeries, providers: readonly string[]): string[] {
  const declared = DECLARED.get(metric);
  if (!declared) return metric.startsWith('hub.') ? [`${metric} is not declared`] : [];
  return Object.entries(attributes).flatMap(([key, value]) => {
    const values = declared.attributes[key];
    if (values === undefined) return [`${metric} does not take ${key}`];
    const closed = values === 'provider' ? providers : values;
    const isAllowed = typeof closed === 'string' || closed.includes(String(value));
    return isAllowed ? [] : [`${key}=${String(value)} is out of the list of ${metric}`];
  });
}
