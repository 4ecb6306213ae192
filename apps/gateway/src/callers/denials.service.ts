import { createHash } from 'node:crypto';
import { SYSTEM_ORG, type AuditEntry, type EventName, type OrgId } from '@hub/domain';
import { AuditRepository } from '@hub/database';
import { HubLogger } from '@hub/telemetry';
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';

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

const WINDOW_MS = 60_000;
/** Denials of one address that are written one by one in a window; more of them are only counted. */
const WRITTEN_PER_WINDOW = 20;
/** Addresses that are told apart at a time. */
const MOST_ADDRESSES = 10_000;

/** Writes denials into the audit trail, so that guessing shows and cannot flood it. */
@Injectable()
export class DenialsService implements BeforeApplicationShutdown {
  private readonly pending = new Set<Promise<void>>();
  private written = new Map<string, number>();
  private windowEnds = 0;

  constructor(
    private readonly audit: AuditRepository,
    private readonly logger: HubLogger,
  ) {}

  /** Records a denial; the answer does not wait for it. */
  record(denial: Denial): void {
    if (!this.mayWrite(denial.address)) return;
    const writing = this.audit
      .append(denial.orgId ?? SYSTEM_ORG, [toEntry(denial)])
      .catch((error: unknown) => this.logger.failure('hub.audit.write_failed', error, { name: denial.name }))
      .finally(() => this.pending.delete(writing));
    this.pending.add(writing);
  }

  private mayWrite(address: string): boolean {
    const now = performance.now();
    if (now > this.windowEnds) {
      this.written = new Map();
      this.windowEnds = now + WINDOW_MS;
    }
    const count = (this.written.get(address) ?? 0) + 1;
    if (this.written.size >= MOST_ADDRESSES && count === 1) return false;
    this.written.set(address, count);
    if (count === WRITTEN_PER_WINDOW + 1)
      this.logger.warning('hub.denials.suppressed', { address: addressHash(address) });
    return count <= WRITTEN_PER_WINDOW;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.pending);
  }
}

function toEntry(denial: Denial): AuditEntry {
  return {
    name: denial.name,
    provider: denial.provider ?? null,
    integrationId: null,
    actor: denial.sub === undefined ? { type: 'system', id: 'gateway' } : { type: 'user', id: denial.sub },
    detail: { ...denial.detail, address: addressHash(denial.address) },
  };
}

/** An address as the trail may keep it: enough to see that two events are of one place, not enough to find it. */
export function addressHash(address: string): string {
  return createHash('sha256').update(`hub address ${address}`).digest('hex').slice(0, 16);
}
