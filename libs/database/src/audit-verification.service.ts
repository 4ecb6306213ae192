import type { OrgId } from '@hub/domain';
import { CHAIN_START, type ChainPlace } from './audit-chain';
import type { AuditChainRepository } from './audit-chain.repository';
import type { AuditFinding } from './audit-finding';
import { ChainCheck } from './chain-check';
import type { SealHistory } from './seal-history';

/** What a verification has come to. */
export interface AuditVerdict {
  readonly orgs: number;
  readonly events: number;
  readonly findings: readonly AuditFinding[];
}

/** Holds the trail against its own hashes, its heads and, where there are any, its seals. */
export class AuditVerificationService {
  /** @param history read before the trail, so that the trail has all of it; `undefined`: cut ends may go unseen */
  constructor(
    private readonly chains: AuditChainRepository,
    private readonly history: SealHistory | undefined,
  ) {}

  /** @param orgId one org alone; absent: every org that the trail, the heads or the seals know */
  async verify(orgId?: OrgId): Promise<AuditVerdict> {
    const findings = [...(this.history?.findings ?? [])];
    const orgs = orgId === undefined ? await this.allOrgs() : [orgId];
    let events = 0;
    for (const org of orgs) {
      const verdict = await this.verifyOrg(org);
      events += verdict.events;
      findings.push(...verdict.findings);
    }
    return { orgs: orgs.length, events, findings };
  }

  private async allOrgs(): Promise<OrgId[]> {
    const orgs = new Set<OrgId>(this.history?.orgs());
    for await (const page of this.chains.orgs()) for (const org of page) orgs.add(org);
    return [...orgs].sort();
  }

  private async verifyOrg(orgId: OrgId): Promise<{ events: number; findings: AuditFinding[] }> {
    const findings: AuditFinding[] = [];
    let check: ChainCheck | undefined;
    let events = 0;
    let head: ChainPlace | null = null;
    for await (const page of this.chains.pages(orgId)) {
      if (!check) findings.push(...this.judgeStart(orgId, page.start));
      check ??= new ChainCheck(orgId, { start: page.start, sealed: this.history?.sealed(orgId) ?? [] });
      for (const row of page.rows) check.take(row);
      events += page.rows.length;
      head = page.head;
    }
    return { events, findings: [...findings, ...(check?.end(head) ?? [])] };
  }

  private judgeStart(orgId: OrgId, start: ChainPlace): AuditFinding[] {
    if (start === CHAIN_START || !this.history || this.history.hasCheckpoint(orgId, start)) return [];
    return [{ kind: 'checkpoint', orgId, seq: start.seq, what: `no seal tells of a prune up to event ${start.seq}` }];
  }
}
