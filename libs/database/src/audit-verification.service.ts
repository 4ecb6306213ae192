import type { OrgId } from '@hub/domain';
import { CHAIN_START } from './audit-chain';
import type { AuditChainRepository, ChainPage } from './audit-chain.repository';
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
    let trail: { readonly check: ChainCheck; page: ChainPage } | undefined;
    for await (const page of this.chains.pages(orgs)) {
      if (trail?.page.orgId !== page.orgId) {
        findings.push(...(trail?.check.end(trail.page.head) ?? []), ...this.judgeStart(page));
        trail = { check: this.checkOf(page), page };
      }
      trail.page = page; // the head of the last page is the one that belongs to its last event
      for (const row of page.rows) trail.check.take(row);
      events += page.rows.length;
    }
    findings.push(...(trail?.check.end(trail.page.head) ?? []));
    return { orgs: orgs.length, events, findings };
  }

  private async allOrgs(): Promise<OrgId[]> {
    const orgs = new Set<OrgId>(this.history?.orgs());
    for await (const page of this.chains.orgs()) for (const org of page) orgs.add(org);
    return [...orgs].sort();
  }

  private checkOf({ orgId, start }: ChainPage): ChainCheck {
    return new ChainCheck(orgId, { start, sealed: this.history?.sealed(orgId) ?? [] });
  }

  private judgeStart({ orgId, start }: ChainPage): AuditFinding[] {
    if (start === CHAIN_START || !this.history || this.history.hasCheckpoint(orgId, start)) return [];
    return [{ kind: 'checkpoint', orgId, seq: start.seq, what: `no seal tells of a prune up to event ${start.seq}` }];
  }
}
