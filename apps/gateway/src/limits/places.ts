import type { PlacesConfig } from '@hub/config';
import type { OrgId } from '@hub/domain';

/** Whose places are all taken. */
export type Full = keyof PlacesConfig;

/** Counts who has something open at this gateway, so that no org takes the places of all, and all no more than there are. */
export class Places {
  private readonly taken = new Map<OrgId, number>();
  private all = 0;

  constructor(private readonly most: PlacesConfig) {}

  /** How many are taken. */
  get count(): number {
    return this.all;
  }

  /** Takes a place. @returns what gives it back, which may be called again; or whose places are all taken */
  take(orgId: OrgId): (() => void) | Full {
    const ofOrg = this.taken.get(orgId) ?? 0;
    if (ofOrg >= (this.most.ofOrg ?? Infinity)) return 'ofOrg';
    if (this.all >= (this.most.ofGateway ?? Infinity)) return 'ofGateway';
    this.taken.set(orgId, ofOrg + 1);
    this.all += 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.giveBack(orgId);
      isTaken = false;
    };
  }

  private giveBack(orgId: OrgId): void {
    const left = (this.taken.get(orgId) ?? 0) - 1;
    if (left > 0) this.taken.set(orgId, left);
    else this.taken.delete(orgId);
    this.all -= 1;
  }
}
