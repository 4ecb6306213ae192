import { AggregationTemporality, InstrumentType } from '@opentelemetry/sdk-metrics';
import { temporalityOf } from './temporality';

it.each(Object.values(InstrumentType))('%s is told as it is meant, in the words of the SDK', (instrument) => {
  const isGauge = instrument === InstrumentType.GAUGE || instrument === InstrumentType.OBSERVABLE_GAUGE;
  expect(temporalityOf(instrument)).toBe(isGauge ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE);
});
