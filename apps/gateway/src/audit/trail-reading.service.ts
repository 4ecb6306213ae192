import type { AuditLine } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { asSealedDetail, AuditVault, type Unopened } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';

/** A line as its org reads it. */
export interface ShownLine extends AuditLine {
  /** Why fields of the detail are null although they were sealed. */
  readonly unopened?: Readonly<Record<string, Unopened>>;
}

/** Opens what the trail tells of people for the org that it belongs to. */
@Injectable()
export class TrailReadingService {
  constructor(private readonly vault: AuditVault) {}

  /** All at once, so that a key that is away is asked for once a page. */
  shown(orgId: OrgId, lines: readonly AuditLine[]): Promise<ShownLine[]> {
    return Promise.all(lines.map((line) => this.shownLine(orgId, line)));
  }

  private async shownLine(orgId: OrgId, line: AuditLine): Promise<ShownLine> {
    const opened: Record<string, string | null> = {};
    const unopened: Record<string, Unopened> = {};
    for (const [field, value] of Object.entries(line.detail)) {
      const sealed = asSealedDetail(value);
      if (!sealed) continue;
      const answer = await this.vault.open(orgId, line, field, sealed);
      opened[field] = typeof answer === 'string' ? null : answer.value;
      if (typeof answer === 'string') unopened[field] = answer;
    }
    const detail = { ...line.detail, ...opened };
    return { ...line, detail, ...(Object.keys(unopened).length > 0 && { unopened }) };
  }
}
