import type { OrgId } from '@hub/domain';
import type { AuditChainRepository } from './audit-chain.repository';
import { exportLine, type ExportSum } from './audit-export';
import type { AuditFinding } from './audit-finding';
import { ChainCheck } from './chain-check';

/** The trail does not fit together: what is exported must be whole. */
export class BrokenTrail extends Error {
  constructor(readonly findings: readonly AuditFinding[]) {
    super('the trail does not fit together');
    this.name = 'BrokenTrail';
  }
}

/** Tells the older part of every trail, as lines of an export. */
export class AuditExportService {
  constructor(private readonly chains: AuditChainRepository) {}

  /**
   * @param before events of this time and later stay out
   * @param sum    counts what has been told
   * @throws BrokenTrail if an org's events do not fit together, or some before that time stand behind later ones
   */
  async *lines(before: Date, sum: ExportSum): AsyncGenerator<string> {
    for await (const orgs of this.chains.orgs()) yield* this.linesOf(orgs, before, sum);
  }

  private async *linesOf(orgIds: readonly OrgId[], before: Date, sum: ExportSum): AsyncGenerator<string> {
    let trail: { readonly orgId: OrgId; readonly check: ChainCheck } | undefined;
    for await (const { orgId, start, rows } of this.chains.pages(orgIds, before)) {
      if (trail?.orgId !== orgId) {
        endOf(trail?.check);
        trail = { orgId, check: new ChainCheck(orgId, { start }) };
      }
      for (const row of rows) {
        trail.check.take(row);
        const line = exportLine(row);
        sum.add(line, row);
        yield line;
      }
    }
    endOf(trail?.check);
  }
}

/** @throws BrokenTrail if anything was found */
function endOf(check: ChainCheck | undefined): void {
  const findings = check?.end(undefined) ?? [];
  if (findings.length > 0) throw new BrokenTrail(findings);
}
