import type { Lease } from '@hub/database';
import { ExchangeRecord, type HubLogger } from '@hub/telemetry';

export const REFRESH_RECORDS = {
  started: 'hub.refresh.started',
  succeeded: 'hub.refresh.succeeded',
  failed: 'hub.refresh.failed',
} as const;

/** Tells the log of one conversation: one record when it starts, one when it has ended. */
export class RefreshRecord extends ExchangeRecord {
  constructor(logger: HubLogger, lease: Lease, manner: 'ask' | 'probe' | 'recheck') {
    super(logger, REFRESH_RECORDS, {
      provider: lease.integration.provider,
      org: lease.orgId,
      integration: lease.integrationId,
      epoch: lease.epoch,
      attempt: lease.integration.failedRefreshes + 1,
      manner,
      in_doubt: lease.inDoubtSince !== null,
    });
  }
}
