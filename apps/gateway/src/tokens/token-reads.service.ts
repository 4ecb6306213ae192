import { AuditRepository, countLostEvents, isOfWrongValues } from '@hub/database';
import type { AuditEntry, IntegrationId, OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

/** Reads are written at the latest so long after they happened. */
const WRITTEN_WITHIN_MS = 500;
const ORGS_AT_ONCE = 4;

interface Reads {
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly provider: string;
  readonly sub: string;
  /** The token was not handed out: the proxy put it into a call. */
  readonly via?: 'proxy';
  count: number;
}

/** Gathers token reads and writes them into the audit trail, with caller and count, so that the hot path waits for no write. */
@Injectable()
export class TokenReadsService implements OnApplicationShutdown {
  private gathered = new Map<string, Reads>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly audit: AuditRepository,
    private readonly logger: HubLogger,
  ) {}

  record(read: Omit<Reads, 'count'>): void {
    const key = keyOf(read);
    const known = this.gathered.get(key);
    if (known) known.count += 1;
    else this.gathered.set(key, { ...read, count: 1 });
    this.timer ??= setTimeout(() => void this.write(), WRITTEN_WITHIN_MS);
  }

  /** Writes what has been gathered. What cannot be written is gathered again. */
  private async write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const reads = [...this.gathered.values()];
    this.gathered = new Map();
    this.writing = this.writing.then(() => this.writeAll(reads));
    await this.writing;
  }

  /** Each org's trail is a transaction of its own; a few go at a time, so that they leave connections to the readers. */
  private async writeAll(reads: readonly Reads[]): Promise<void> {
    const byOrg = new Map<OrgId, Reads[]>();
    for (const read of reads) byOrg.set(read.orgId, [...(byOrg.get(read.orgId) ?? []), read]);
    const left = byOrg.entries();
    const writer = async (): Promise<void> => {
      for (const [orgId, ofOrg] of left) await this.writeOrg(orgId, ofOrg);
    };
    await Promise.all(Array.from({ length: ORGS_AT_ONCE }, writer));
  }

  /** What cannot be written together for its values is tried one by one: an odd read is lost alone, and holds up no other. */
  private async writeOrg(orgId: OrgId, reads: readonly Reads[]): Promise<void> {
    try {
      await this.audit.append(orgId, reads.map(toEntry));
    } catch (error) {
      if (isOfWrongValues(error) && reads.length > 1) {
        for (const read of reads) await this.writeOrg(orgId, [read]);
        return;
      }
      this.logger.failure('hub.audit.write_failed', error, { name: 'token.read' });
      for (const read of reads)
        if (isOfWrongValues(error)) this.lose(read);
        else this.putBack(read);
    }
  }

  private lose({ orgId, integrationId, sub, count }: Reads): void {
    countLostEvents(1);
    this.logger.warning('hub.audit.reads_lost', { org: orgId, integration: integrationId, sub, count });
  }

  private putBack(read: Reads): void {
    const key = keyOf(read);
    const known = this.gathered.get(key);
    if (known) known.count += read.count;
    else this.gathered.set(key, read);
    this.timer ??= setTimeout(() => void this.write(), WRITTEN_WITHIN_MS);
  }

  /** Once the server has ended, so that reads which were under way at the signal are told too; the database closes last. */
  async onApplicationShutdown(): Promise<void> {
    await this.write();
    clearTimeout(this.timer);
    for (const read of this.gathered.values()) this.lose(read);
  }
}

function keyOf({ integrationId, via, sub }: Omit<Reads, 'count'>): string {
  return `${integrationId} ${via ?? ''} ${sub}`;
}

function toEntry(read: Reads): AuditEntry {
  return {
    name: 'token.read',
    provider: read.provider,
    integrationId: read.integrationId,
    actor: { type: 'user', id: read.sub },
    detail: { count: read.count, ...(read.via && { via: read.via }) },
  };
}
