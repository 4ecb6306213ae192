import { METRICS, prometheusName, type MetricDeclaration } from '@hub/telemetry';
import { readExpression } from '../../../deploy/promql/promql';
import { exposition, sentName, type OtlpExport, type OtlpMetric } from '../../prove/live/exposition';
import { scaledRanges, scaledRules } from '../../prove/live/scaled-rules';
import { allRules } from '../../support/alert-rules';

/** A metric as the kit sends it. */
function asSent({ name, unit, kind }: MetricDeclaration): OtlpMetric {
  if (kind === 'gauge') return { name, unit, gauge: { dataPoints: [] } };
  if (kind === 'histogram') return { name, unit, histogram: { aggregationTemporality: 2, dataPoints: [] } };
  return { name, unit, sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [] } };
}

describe('the name of a metric that came by OTLP', () => {
  it.each(Object.values<MetricDeclaration>(METRICS).map((metric) => [metric.name, metric] as const))(
    'is for %s the one of the catalogue',
    (_name, metric) => {
      expect(sentName(asSent(metric))).toBe(prometheusName(metric));
    },
  );

  it.each<[string, OtlpMetric, string]>([
    [
      'a counter of seconds',
      { name: 'a.time', unit: 's', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [] } },
      'a_time_seconds_total',
    ],
    [
      'a sum that falls',
      { name: 'a.count', unit: '{item}', sum: { aggregationTemporality: 2, dataPoints: [] } },
      'a_count',
    ],
    ['a gauge of unit 1', { name: 'a.share', unit: '1', gauge: { dataPoints: [] } }, 'a_share_ratio'],
    ['a name with its unit', { name: 'a.seconds', unit: 's', gauge: { dataPoints: [] } }, 'a_seconds'],
    [
      'a counter called total',
      { name: 'a.total', unit: '{x}', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [] } },
      'a_total',
    ],
  ])('of %s', (_what, metric, name) => {
    expect(sentName(metric)).toBe(name);
  });

  it('is not guessed for a unit that nobody knows', () => {
    expect(() => sentName({ name: 'a', unit: 'furlong', gauge: { dataPoints: [] } })).toThrow('furlong');
  });
});

const exported = (metrics: readonly OtlpMetric[]): OtlpExport => ({
  resourceMetrics: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'hub-gateway' } },
          { key: 'process.pid', value: { intValue: 7 } },
        ],
      },
      scopeMetrics: [{ metrics }],
    },
  ],
});

describe('the page for Prometheus', () => {
  it('counts buckets up to their bound, and says who sent them', () => {
    const page = exposition([
      exported([
        {
          name: 'a.duration',
          unit: 's',
          histogram: {
            aggregationTemporality: 2,
            dataPoints: [
              {
                attributes: [{ key: 'hub.kind', value: { stringValue: 'a "b"\\' } }],
                count: '6',
                sum: 9.5,
                bucketCounts: ['1', '2', '3'],
                explicitBounds: [0.5, 1],
              },
            ],
          },
        },
      ]),
    ]);
    const about = 'service_name="hub-gateway",hub_kind="a \\"b\\"\\\\"';
    expect(page).toBe(
      [
        '# TYPE a_duration_seconds histogram',
        `a_duration_seconds_bucket{${about},le="0.5"} 1`,
        `a_duration_seconds_bucket{${about},le="1"} 3`,
        `a_duration_seconds_bucket{${about},le="+Inf"} 6`,
        `a_duration_seconds_sum{${about}} 9.5`,
        `a_duration_seconds_count{${about}} 6`,
        '',
      ].join('\n'),
    );
  });

  it('names the type of a metric once, however many send it', () => {
    const gauge: OtlpMetric = { name: 'a', unit: '{x}', gauge: { dataPoints: [{ asInt: '3' }] } };
    const page = exposition([exported([gauge]), exported([gauge])]);
    expect(page.match(/# TYPE/g)).toHaveLength(1);
    expect(page.match(/^a\{/gm)).toHaveLength(2);
  });

  it('refuses counts since the last export', () => {
    const delta: OtlpMetric = { name: 'a', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [] } };
    expect(() => exposition([exported([delta])])).toThrow('not cumulative');
  });
});

describe('the rules of the live test', () => {
  it('differ from the deployed ones in their times alone', () => {
    const scaled = scaledRules().groups.flatMap(({ rules }) => rules);
    const withoutTimes = (text: string): string => text.replaceAll(/\[[^\]]*\]/g, '[]');
    expect(scaled.map(({ alert, record, expr }) => [alert ?? record, withoutTimes(expr)])).toEqual(
      allRules().map(({ alert, record, expr }) => [alert ?? record, withoutTimes(expr)]),
    );
    expect(scaled.flatMap(({ expr }) => readExpression(expr).errors)).toEqual([]);
    expect(scaled.filter((rule) => rule.for).map((rule) => [rule.alert, rule.for])).toContainEqual([
      'TokenLapsed',
      '2000ms',
    ]);
  });

  it('have ranges of a thirtieth', () => {
    expect(scaledRanges('sum(rate(a_total[5m])) / sum(rate(a_total[1h]))')).toBe(
      'sum(rate(a_total[10000ms])) / sum(rate(a_total[120000ms]))',
    );
  });
});
