import { count, measure, preset } from '@hub/telemetry';
import type { MetadataReading } from '@hub/providers';

const MS_IN_SECOND = 1_000;

/** Records one run of a sync. */
export function recordRun(provider: string, reading: MetadataReading, durationMs: number): void {
  measure('syncRunDuration', durationMs / MS_IN_SECOND, {
    'hub.provider': provider,
    'hub.outcome': reading.ok ? 'synced' : 'failed',
    ...(!reading.ok && { 'error.type': reading.failure.code }),
  });
}

/** Records a sync whose outcome is written. @param lateMs since it was due */
export function recordSync(provider: string, reading: MetadataReading, lateMs: number): void {
  measure('syncLatency', Math.max(0, lateMs) / MS_IN_SECOND, {
    'hub.provider': provider,
    'hub.outcome': reading.ok ? 'synced' : 'failed',
  });
}

/** A sync has come to the verdict that a person is needed. Refreshes count the others. */
export function countVerdict(provider: string): void {
  count('refreshCycles', { 'hub.provider': provider, 'hub.outcome': 'reauth_required' });
}

/** Makes the counter of verdicts known, at the start of the worker. */
export function presetVerdicts(providers: readonly string[]): void {
  preset('refreshCycles', { 'hub.provider': providers, 'hub.outcome': ['reauth_required'] });
  preset('throttled', { 'hub.provider': providers });
}
