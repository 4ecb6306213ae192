import { addressKey } from '../limits/limit-key';

/** A window of the budget, in milliseconds. */
const WINDOW_MS = 60_000;
/** Denials that name no org are written one by one up to here in a window, for each address: anybody can cause them. */
const WRITTEN_OF_NOBODY = 20;
/** Denials of a verified org are written up to here, for each address. */
const WRITTEN_OF_AN_ORG = 200;
/**
 * Denials that name no org are written up to here in a window over all addresses: who has a network has many of them, and
 * all go into one chain.
 */
const WRITTEN_OF_ALL_NOBODIES = 2_000;
/** Sources that are told apart in a window; a flood from more addresses is one flood. */
const MOST_SOURCES = 10_000;
/** What of a window was not written is told by source for so many of an org's or of nobody's, and as one for the rest. */
const MOST_TOLD = 50;
/** The address of many. */
const MANY = 'many';

/** Where denials come from: an org, or nobody, at an address. */
export interface DenialSource<Org extends string> {
  readonly orgId: Org | null;
  readonly address: string;
}

/** What of a window was not written one by one. */
export interface Suppressed<Org extends string> extends DenialSource<Org> {
  readonly count: number;
  /** From so many sources. */
  readonly sources: number;
}

interface Count<Org extends string> extends DenialSource<Org> {
  seen: number;
  written: number;
}

/**
 * Decides which denials are written one by one, and counts the rest, so that guessing shows and cannot flood the trail. An
 * IPv6 address counts as its /64, as it does for the limits.
 */
export class DenialBudget<Org extends string> {
  private counts = new Map<string, Count<Org>>();
  private windowEndsMs = 0;
  private writtenOfNobody = 0;

  /** Whether one more denial is written by itself. @param nowMs monotonic */
  admits(source: DenialSource<Org>, nowMs: number): boolean {
    if (this.counts.size === 0) this.windowEndsMs = nowMs + WINDOW_MS;
    const count = this.countOf(source);
    count.seen += 1;
    if (count.written >= limitOf(source)) return false;
    if (source.orgId === null) {
      if (this.writtenOfNobody >= WRITTEN_OF_ALL_NOBODIES) return false;
      this.writtenOfNobody += 1;
    }
    count.written += 1;
    return true;
  }

  /** Ends the window if its time has come. @returns what it has not written */
  close(nowMs: number): Suppressed<Org>[] {
    return nowMs < this.windowEndsMs ? [] : this.closeNow();
  }

  /** Ends the window. @returns what it has not written */
  closeNow(): Suppressed<Org>[] {
    const byOrg = new Map<Org | null, Suppressed<Org>[]>();
    for (const { orgId, address, seen, written } of this.counts.values()) {
      const ofOrg = byOrg.get(orgId) ?? [];
      byOrg.set(orgId, ofOrg);
      if (seen > written) ofOrg.push({ orgId, address, count: seen - written, sources: 1 });
    }
    this.counts = new Map();
    this.writtenOfNobody = 0;
    return [...byOrg].flatMap(([orgId, all]) => toldOf(orgId, all));
  }

  private countOf({ orgId, address }: DenialSource<Org>): Count<Org> {
    const place = this.counts.size < MOST_SOURCES ? addressKey(address) : MANY;
    const key = `${orgId} ${place}`;
    const known = this.counts.get(key);
    if (known) return known;
    const count = { orgId, address: place === MANY ? MANY : address, seen: 0, written: 0 };
    this.counts.set(key, count);
    return count;
  }
}

/** The largest by themselves, the others as one. */
function toldOf<Org extends string>(orgId: Org | null, all: readonly Suppressed<Org>[]): Suppressed<Org>[] {
  const largest = all.toSorted((one, other) => other.count - one.count);
  const told = largest.slice(0, MOST_TOLD);
  const rest = largest.slice(MOST_TOLD);
  if (rest.length === 0) return told;
  const count = rest.reduce((sum, one) => sum + one.count, 0);
  return [...told, { orgId, address: MANY, count, sources: rest.length }];
}

function limitOf({ orgId }: DenialSource<string>): number {
  return orgId === null ? WRITTEN_OF_NOBODY : WRITTEN_OF_AN_ORG;
}
