/** A window of the budget, in milliseconds. */
const WINDOW_MS = 60_000;
/** Denials that name no org are written one by one up to here in a window, for each address: anybody can cause them. */
const WRITTEN_OF_NOBODY = 20;
/** Denials of a verified org are written up to here, for each address. */
const WRITTEN_OF_AN_ORG = 200;
/** Sources that are told apart in a window; a flood from more addresses is one flood. */
const MOST_SOURCES = 10_000;

/** Where denials come from: an org, or nobody, at an address. */
export interface DenialSource<Org extends string> {
  readonly orgId: Org | null;
  readonly address: string;
}

/** What of a window was not written one by one. */
export interface Suppressed<Org extends string> extends DenialSource<Org> {
  readonly count: number;
}

interface Count<Org extends string> extends DenialSource<Org> {
  seen: number;
}

/** Decides which denials are written one by one, and counts the rest, so that guessing shows and cannot flood the trail. */
export class DenialBudget<Org extends string> {
  private counts = new Map<string, Count<Org>>();
  private windowEndsMs = 0;

  /** Whether one more denial is written by itself. @param nowMs monotonic */
  admits(source: DenialSource<Org>, nowMs: number): boolean {
    if (this.counts.size === 0) this.windowEndsMs = nowMs + WINDOW_MS;
    const address = this.counts.size < MOST_SOURCES ? source.address : 'many';
    const key = `${source.orgId} ${address}`;
    const count = this.counts.get(key) ?? { orgId: source.orgId, address, seen: 0 };
    this.counts.set(key, count);
    count.seen += 1;
    return count.seen <= limitOf(source);
  }

  /** Ends the window if its time has come. @returns what it has not written */
  close(nowMs: number): Suppressed<Org>[] {
    return nowMs < this.windowEndsMs ? [] : this.closeNow();
  }

  /** Ends the window. @returns what it has not written */
  closeNow(): Suppressed<Org>[] {
    const counts = [...this.counts.values()];
    this.counts = new Map();
    return counts
      .map(({ orgId, address, seen }) => ({ orgId, address, count: seen - limitOf({ orgId, address }) }))
      .filter(({ count }) => count > 0);
  }
}

function limitOf({ orgId }: DenialSource<string>): number {
  return orgId === null ? WRITTEN_OF_NOBODY : WRITTEN_OF_AN_ORG;
}
