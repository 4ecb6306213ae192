import type { OrgId } from '@hub/domain';
import type { AuditChainRepository } from './audit-chain.repository';
import { HeadsRoot, sealedPlace, type SealDraft, type SealedPlace } from './audit-seal';
import type { LatestSeal, SealFolderRepository } from './seal-folder.repository';

/** What came of sealing: what is in the folder now, or who was quicker. */
export type Sealed =
  | { readonly kind: 'sealed'; readonly n: number; readonly mac: string; readonly heads: number }
  | {
      readonly kind: 'left_to_another';
    };

/** Seals where all trails end, outside the database. */
export class AuditSealService {
  /** What the latest seal of our own has made known of each org. */
  private known = new Map<OrgId, string>();
  private latestMac: string | undefined;

  constructor(
    private readonly chains: AuditChainRepository,
    private readonly folder: SealFolderRepository,
  ) {}

  /**
   * Seals the heads of all trails: those that went on since our last seal, or all of them where another has sealed since
   * then or a new file begins.
   *
   * @param unlessYoungerMs a seal of this age or younger is good enough
   */
  async sealHeads(at: Date, unlessYoungerMs: number): Promise<Sealed> {
    const sealed = await this.chains.whileSealing(async () => {
      const latest = await this.folder.latest();
      if (latest && isYoung(latest, at, unlessYoungerMs)) return undefined;
      const isFull = latest?.mac !== this.latestMac || latest === undefined || latest.file < this.folder.fileOf(at);
      const { draft, all } = await this.draft(isFull);
      const done = await this.folder.append(draft, latest, at);
      this.known = all;
      this.latestMac = done.mac;
      return { n: done.seal.n, mac: done.mac, heads: all.size };
    });
    return sealed ? { kind: 'sealed', ...sealed } : { kind: 'left_to_another' };
  }

  private async draft(isFull: boolean): Promise<{ draft: SealDraft; all: Map<OrgId, string> }> {
    const root = new HeadsRoot();
    const heads: SealedPlace[] = [];
    const all = new Map<OrgId, string>();
    for await (const page of this.chains.heads())
      for (const head of page) {
        const place = sealedPlace(head);
        const text = `${place[1]} ${place[2]}`;
        root.add(head);
        all.set(head.orgId, text);
        if (isFull || this.known.get(head.orgId) !== text) heads.push(place);
      }
    return { draft: { kind: 'heads', full: isFull, orgs: all.size, root: root.end(), heads }, all };
  }
}

/** A clock that was set back makes no seal young. */
function isYoung({ seal }: LatestSeal, at: Date, youngMs: number): boolean {
  const ageMs = at.getTime() - Date.parse(seal.at);
  return ageMs >= 0 && ageMs < youngMs;
}
