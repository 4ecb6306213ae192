import { AuditRepository } from '@hub/database';
import { SYSTEM_ORG, type AuditEntry, type EventName, type OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DenialBudget, type Suppressed } from './denial-budget';

/** What was denied, to whom, as far as it is known. */
export interface Denial {
  readonly name: EventName;
  /** Absent: the system's own trail. */
  readonly orgId?: OrgId | null;
  readonly provider?: string | null;
  readonly sub?: string;
  readonly address: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

const LOOK_EVERY_MS = 5_000;

/** Writes denials into the audit trail: one by one within a budget, the rest of each minute as a count. */
@Injectable()
export class DenialsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly budget = new DenialBudget<OrgId>();
  private readonly pending = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly audit: AuditRepository,
    private readonly logger: HubLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.writeCounts(this.budget.close(performance.now())), LOOK_EVERY_MS);
  }

  /** Records a denial; the answer does not wait for it. */
  record(denial: Denial): void {
    const { orgId = null, address } = denial;
    if (this.budget.admits({ orgId, address }, performance.now())) this.write(orgId, toEntry(denial));
  }

  private writeCounts(suppressed: readonly Suppressed<OrgId>[]): void {
    for (const { orgId, address, count } of suppressed)
      this.write(orgId, toEntry({ name: 'denials.suppressed', orgId, address, detail: { count } }));
  }

  private write(orgId: OrgId | null, entry: AuditEntry): void {
    const writing = this.audit
      .append(orgId ?? SYSTEM_ORG, [entry])
      .catch((error: unknown) => this.logger.failure('hub.audit.write_failed', error, { name: entry.name }))
      .finally(() => this.pending.delete(writing));
    this.pending.add(writing);
  }

  /** Once the server has ended: what it has refused at last is told too. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.writeCounts(this.budget.closeNow());
    await Promise.all(this.pending);
  }
}

function toEntry(denial: Denial): AuditEntry {
  return {
    name: denial.name,
    provider: denial.provider ?? null,
    integrationId: null,
    actor: denial.sub === undefined ? { type: 'system', id: 'gateway' } : { type: 'user', id: denial.sub },
    detail: denial.detail ?? {},
    // enough to see that two events are of one place, and nothing to find it by
    pseudonyms: { address: denial.address },
  };
}
