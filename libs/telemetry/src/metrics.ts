import { metrics, type Counter, type Histogram, type ObservableResult } from '@opentelemetry/api';
import { METRICS, type AttributeValues, type MetricDeclaration, type MetricName } from './metric-catalog';

/** The attributes that a metric of the catalogue takes. Those that a record leaves out are left out of its series. */
export type AttributesOf<Name extends MetricName> = {
  readonly [
    Key in keyof (typeof METRICS)[Name]['attributes']
  ]?: (typeof METRICS)[Name]['attributes'][Key] extends infer Values
    ? Values extends readonly string[]
      ? Values[number]
      : Values extends AttributeValues
        ? string
        : never
    : never;
};

type OfKind<Kind> = { [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never }[MetricName];
export type CounterName = OfKind<'counter'>;
export type HistogramName = OfKind<'histogram'>;
export type GaugeName = OfKind<'gauge'>;

const SCOPE = 'integrations-hub';
const counters = new Map<CounterName, Counter>();
const histograms = new Map<HistogramName, Histogram>();

/** Counts something that happened. Without telemetry it does nothing. @param by how much, 0 or more: 0 makes the series known before anything happens */
export function count<Name extends CounterName>(name: Name, attributes: AttributesOf<Name>, by = 1): void {
  let counter = counters.get(name);
  if (!counter) counters.set(name, (counter = metrics.getMeter(SCOPE).createCounter(METRICS[name].name, about(name))));
  counter.add(by, attributes);
}

/** The values that a preset's open attributes take; closed lists of the catalogue are taken as they stand, or narrowed. */
export type PresetValues<Name extends MetricName> = {
  readonly [Key in keyof AttributesOf<Name>]?: readonly Required<AttributesOf<Name>>[Key][];
};

/**
 * Makes every series of a counter known before anything happens, so that Prometheus sees the first count as a rise. Call
 * it once, at the start of the process that counts.
 *
 * @throws Error if an attribute is open, such as the provider, and `values` does not name it
 */
export function preset<Name extends CounterName>(name: Name, values: PresetValues<Name> = {}): void {
  const declared: MetricDeclaration['attributes'] = METRICS[name].attributes;
  const named = values as Readonly<Record<string, readonly string[] | undefined>>;
  let all: Record<string, string>[] = [{}];
  for (const [key, closed] of Object.entries(declared)) {
    const list = named[key] ?? closed;
    if (typeof list === 'string') throw new Error(`${METRICS[name].name} cannot be preset without values of ${key}`);
    all = all.flatMap((attributes) => list.map((value) => ({ ...attributes, [key]: value })));
  }
  for (const attributes of all) count(name, attributes as AttributesOf<Name>, 0);
}

/** Records one measurement, in the metric's unit. Without telemetry it does nothing. */
export function measure<Name extends HistogramName>(name: Name, value: number, attributes: AttributesOf<Name>): void {
  let histogram = histograms.get(name);
  if (!histogram)
    histograms.set(name, (histogram = metrics.getMeter(SCOPE).createHistogram(METRICS[name].name, about(name))));
  histogram.record(value, attributes);
}

/** One value of a gauge, as it is when it is looked at. */
export interface GaugeReading<Name extends GaugeName> {
  readonly value: number;
  readonly attributes: AttributesOf<Name>;
}

/** Has a gauge read at each export. What `read` throws leaves the gauge without a value. @returns ends it */
export function observe<Name extends GaugeName>(
  name: Name,
  read: () => readonly GaugeReading<Name>[] | Promise<readonly GaugeReading<Name>[]>,
): () => void {
  const gauge = metrics.getMeter(SCOPE).createObservableGauge(METRICS[name].name, about(name));
  const callback = async (result: ObservableResult): Promise<void> => {
    for (const { value, attributes } of await read()) result.observe(value, attributes);
  };
  gauge.addCallback(callback);
  return () => gauge.removeCallback(callback);
}

function about(name: MetricName): {
  unit: string;
  description: string;
  advice: { explicitBucketBoundaries?: number[] };
} {
  const { unit, meaning, buckets }: MetricDeclaration = METRICS[name];
  return { unit, description: meaning, advice: buckets ? { explicitBucketBoundaries: [...buckets] } : {} };
}
