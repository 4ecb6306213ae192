import { METRICS, prometheusName, type MetricDeclaration } from './metric-catalog';

const all: readonly MetricDeclaration[] = Object.values(METRICS);

describe('a metric of the catalogue', () => {
  it.each(all)('$name has buckets if and only if it is a histogram', ({ kind, buckets }) => {
    expect(buckets !== undefined).toBe(kind === 'histogram');
    expect(buckets ?? []).toEqual([...(buckets ?? [])].sort((one, other) => one - other));
  });

  it.each(all)('$name names no org and no integration, but for the one that is counted out', ({ name, attributes }) => {
    const ids = Object.values(attributes).filter((values) => values === 'ids');
    expect(ids.length > 0).toBe(name === 'hub.integration.failing.streak');
  });

  it('has a name of its own, with the prefix of the hub or by a convention', () => {
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.startsWith('hub.'))).toEqual(['messaging.process.duration']);
  });

  it.each([
    [METRICS.exchangeDuration, 'hub_oauth_exchange_duration_seconds'],
    [METRICS.oauthErrors, 'hub_oauth_errors_total'],
    [METRICS.lapseDuration, 'hub_token_lapse_duration_seconds_total'],
    [METRICS.lapsed, 'hub_integration_lapsed'],
    [METRICS.windowElapsed, 'hub_token_refresh_window_elapsed_ratio'],
    [METRICS.schedulerLastSuccess, 'hub_scheduler_last_success_time_seconds'],
    [METRICS.buildInfo, 'hub_build_info_ratio'],
  ])('is known to Prometheus by a name that follows from it: %#', (metric, name) => {
    expect(prometheusName(metric)).toBe(name);
  });
});
