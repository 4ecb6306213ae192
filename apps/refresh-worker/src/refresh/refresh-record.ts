import type { Lease } from '@hub/database';
import type { HubLogger, LogFields } from '@hub/telemetry';

/** Tells the log of one conversation: one record when it starts, one when it has ended. */
export class RefreshRecord {
  private readonly startedMs = performance.now();
  private readonly facts: LogFields;

  constructor(
    private readonly logger: HubLogger,
    lease: Lease,
    manner: 'ask' | 'probe' | 'recheck',
  ) {
    this.facts = {
      provider: lease.integration.provider,
      org: lease.orgId,
      integration: lease.integrationId,
      epoch: lease.epoch,
      attempt: lease.integration.failedRefreshes + 1,
      manner,
      in_doubt: lease.inDoubtSince !== null,
    };
    logger.info('hub.refresh.started', this.facts);
  }

  succeeded(): void {
    this.logger.info('hub.refresh.succeeded', this.ended({ outcome: 'success' }));
  }

  failed(failure: { kind: string; code: string; reason: string }): void {
    const { kind: outcome, code, reason } = failure;
    this.logger.warning('hub.refresh.failed', this.ended({ outcome, 'error.type': code, reason }));
  }

  private ended(more: LogFields): LogFields {
    return { ...this.facts, duration_ms: Math.round(performance.now() - this.startedMs), ...more };
  }
}
