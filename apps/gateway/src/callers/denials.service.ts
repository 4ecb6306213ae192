import { AuditRepository, countLostEvents } from '@hub/database';
import { SYSTEM_ORG, type AuditEntry, type EventDraft, type EventName, type OrgId } from '@hub/domain';
import { count, HubLogger, preset, type AttributesOf } from '@hub/telemetry';
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
/** So many write at once, each for another org: a flood of denials must leave the connections to those who are served. */
const WRITERS = 2;
/** Entries of one org that are written in one transaction, which holds the head of its chain so long. */
const MOST_AT_ONCE = 50;
/** Of one org, while PostgreSQL is away or slower than they come. */
const MOST_WAITING = 5_000;

const GATEWAY = { type: 'system', id: 'gateway' } as const;

type Reason = NonNullable<AttributesOf<'denials'>['hub.reason']>;

/** Denials for who sent the request; what else is denied is wrong about what was sent. */
const REASONS: Readonly<Partial<Record<EventName, Reason>>> = {
  'auth.failed': 'unauthorized',
  'auth.forbidden': 'forbidden',
  'auth.foreign_org': 'foreign_org',
  'flow.confirm_rejected': 'forbidden',
};

/** Writes denials into the audit trail: one by one within a budget, the rest of each minute as a count. */
@Injectable()
export class DenialsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly budget = new DenialBudget<OrgId>();
  private readonly waiting = new Map<OrgId, AuditEntry[]>();
  private readonly beingWritten = new Set<OrgId>();
  private readonly writers = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly audit: AuditRepository,
    private readonly logger: HubLogger,
  ) {}

  onApplicationBootstrap(): void {
    preset('denials');
    this.timer = setInterval(() => this.writeCounts(this.budget.close(performance.now())), LOOK_EVERY_MS);
  }

  /** Records a denial; the answer does not wait for it. */
  record(denial: Denial): void {
    const { orgId = null, address } = denial;
    const reason = REASONS[denial.name];
    if (reason) count('denials', { 'hub.reason': reason });
    if (this.budget.admits({ orgId, address }, performance.now())) this.write(orgId, toEntry(denial));
  }

  /** Records in the system's own trail what was denied to the gateway itself, outside of any request: it comes seldom. */
  recordOwn(event: EventDraft): void {
    this.write(null, { ...event, provider: null, integrationId: null, actor: GATEWAY });
  }

  private writeCounts(suppressed: readonly Suppressed<OrgId>[]): void {
    for (const { orgId, address, count, sources } of suppressed)
      this.write(orgId, toEntry({ name: 'denials.suppressed', orgId, address, detail: { count, sources } }));
  }

  private write(orgId: OrgId | null, entry: AuditEntry): void {
    const org = orgId ?? SYSTEM_ORG;
    const entries = this.waiting.get(org) ?? [];
    this.waiting.set(org, entries);
    if (entries.length < MOST_WAITING) entries.push(entry);
    else this.lose(entry, new Error('too many denials wait to be written'));
    if (this.beingWritten.size >= WRITERS) return; // one of them takes it up
    const writer = this.writeWaiting().finally(() => this.writers.delete(writer));
    this.writers.add(writer);
  }

  /** Writes what waits until there is nothing left, one org after the other, each org's entries in their order. */
  private async writeWaiting(): Promise<void> {
    for (let org = this.nextOrg(); org !== undefined; org = this.nextOrg()) {
      const entries = this.waiting.get(org) ?? [];
      const now = entries.splice(0, MOST_AT_ONCE);
      if (entries.length === 0) this.waiting.delete(org);
      this.beingWritten.add(org);
      await this.append(org, now);
      this.beingWritten.delete(org);
    }
  }

  private nextOrg(): OrgId | undefined {
    for (const org of this.waiting.keys()) if (!this.beingWritten.has(org)) return org;
    return undefined;
  }

  /** What cannot be written together is tried one by one, so that an odd one costs no other. */
  private async append(orgId: OrgId, entries: readonly AuditEntry[]): Promise<void> {
    try {
      await this.audit.append(orgId, entries);
    } catch (error) {
      const [first, ...rest] = entries;
      if (rest.length > 0) for (const entry of entries) await this.append(orgId, [entry]);
      else if (first) this.lose(first, error);
    }
  }

  private lose({ name }: AuditEntry, error: unknown): void {
    countLostEvents(1, error);
    this.logger.failure('hub.audit.write_failed', error, { name });
  }

  /** Once the server has ended: what it has refused at last is told too. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.writeCounts(this.budget.closeNow());
    await Promise.all(this.writers);
  }
}

function toEntry(denial: Denial): AuditEntry {
  return {
    name: denial.name,
    provider: denial.provider ?? null,
    integrationId: null,
    actor: denial.sub === undefined ? GATEWAY : { type: 'user', id: denial.sub },
    detail: denial.detail ?? {},
    // enough to see that two events are of one place, and nothing to find it by
    pseudonyms: { address: denial.address },
  };
}
