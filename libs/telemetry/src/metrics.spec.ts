import { MetricReadings, offences } from '../../../test/support/metric-readings';
import { count, observe, preset } from './metrics';
import { schedulerStarted, schedulerSucceeded } from './scheduler-times';

const readings = MetricReadings.start();
afterAll(() => readings.stop());

describe('a preset', () => {
  it('makes every series of a counter known, at 0', async () => {
    preset('refreshCycles', { 'hub.provider': ['notion', 'shopify'] });
    const series = await readings.of('refreshCycles');
    expect(series).toHaveLength(2 * 4);
    expect(series.every(({ value }) => value === 0)).toBe(true);
  });

  it('counts on from there', async () => {
    count('refreshCycles', { 'hub.provider': 'notion', 'hub.outcome': 'late' });
    expect(await readings.value('refreshCycles', { 'hub.outcome': 'late' })).toBe(1);
  });

  it('has one series where nothing is told apart', async () => {
    preset('auditWriteFailures');
    expect(await readings.of('auditWriteFailures')).toMatchObject([{ attributes: {}, value: 0 }]);
  });

  it('is refused without the values of an open attribute', () => {
    expect(() => preset('throttled')).toThrow('hub.provider.throttled cannot be preset without values of hub.provider');
  });
});

it('a gauge that tells nothing any more is gone, and so is a series of it', async () => {
  let told = [1, 2];
  const end = observe('deadLetters', () =>
    told.map((value) => ({ value, attributes: { 'hub.kind': value === 1 ? 'sync' : 'refresh' } as const })),
  );
  expect(await readings.of('deadLetters')).toHaveLength(2);
  told = [1];
  expect(await readings.of('deadLetters')).toMatchObject([{ attributes: { 'hub.kind': 'sync' }, value: 1 }]);
  told = [];
  expect(await readings.of('deadLetters')).toEqual([]);
  end();
});

it('a scheduler tells its start until it has succeeded, then that', async () => {
  const startedSeconds = Date.now() / 1000;
  schedulerStarted('audit-seal');
  const first = await readings.value('schedulerLastSuccess', { 'hub.scheduler': 'audit-seal' });
  expect(first).toBeGreaterThanOrEqual(startedSeconds);
  schedulerStarted('audit-seal');
  expect(await readings.value('schedulerLastSuccess', { 'hub.scheduler': 'audit-seal' })).toBe(first);
  schedulerSucceeded('audit-seal');
  expect(await readings.value('schedulerLastSuccess', { 'hub.scheduler': 'audit-seal' })).toBeGreaterThanOrEqual(first);
});

it.each([
  ['hub.unheard_of', {}, ['hub.unheard_of is not declared']],
  ['http.server.request.duration', { anything: 'goes' }, []],
  ['hub.flow.starts', { 'hub.provider': 'notion' }, []],
  ['hub.flow.starts', { 'hub.provider': 'myspace' }, ['hub.provider=myspace is out of the list of hub.flow.starts']],
  ['hub.flow.starts', { 'hub.org.id': 'x' }, ['hub.flow.starts does not take hub.org.id']],
  ['hub.refresh.lease', { 'hub.outcome': 'won' }, ['hub.outcome=won is out of the list of hub.refresh.lease']],
])('a series is held against the catalogue: %s %j', (metric, attributes, found) => {
  expect(offences([{ metric, attributes }], ['notion'])).toEqual(found);
});
