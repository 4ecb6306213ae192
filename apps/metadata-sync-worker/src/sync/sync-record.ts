import type { SyncTarget } from '@hub/database';
import type { MetadataReading } from '@hub/providers';
import type { HubLogger, LogFields } from '@hub/telemetry';
import { recordRun } from './sync-metrics';

/** Tells the log of one sync: one record when it starts, one when it has ended. */
export class SyncRecord {
  private readonly startedMs = performance.now();
  private readonly facts: LogFields;

  constructor(
    private readonly logger: HubLogger,
    private readonly target: SyncTarget,
  ) {
    const { provider, orgId: org, id, failedSyncs } = target.integration;
    this.facts = { provider, org, integration: id, attempt: failedSyncs + 1 };
    logger.info('hub.sync.started', this.facts);
  }

  /** @param isSaved whether it was written: the org may have connected anew or disconnected meanwhile */
  ended(reading: MetadataReading, isSaved: boolean): void {
    const durationMs = performance.now() - this.startedMs;
    recordRun(this.target.integration.provider, reading, durationMs);
    const facts = { ...this.facts, duration_ms: Math.round(durationMs), saved: isSaved };
    if (reading.ok) return this.logger.info('hub.sync.completed', { ...facts, outcome: 'success' });
    const { kind: outcome, code, reason } = reading.failure;
    this.logger.warning('hub.sync.failed', { ...facts, outcome, 'error.type': code, reason });
  }
}
