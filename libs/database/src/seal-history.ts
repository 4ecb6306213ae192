import type { OrgId } from '@hub/domain';
import type { ChainPlace } from './audit-chain';
import type { AuditFinding } from './audit-finding';
import {
  HeadsRoot,
  placeOf,
  readSeal,
  type HeadSeal,
  type SealedPlace,
  type SealKey,
  type StampedSeal,
} from './audit-seal';

/** So many places of an org are kept; older ones are thinned out, the latest never. */
const MOST_PLACES = 128;

/** A seal as the log of the worker that made it tells it: its number and its HMAC. */
export interface ToldSeal {
  readonly n: number;
  readonly mac: string;
}

/** What a folder of seals says about every trail. Give it the lines in their order. */
export class SealHistory {
  readonly findings: AuditFinding[] = [];
  /** The HMAC that the folder has under the number of the seal that is expected. */
  private foundMac: string | undefined;
  private readonly places = new Map<string, SealedPlace[]>();
  private readonly checkpoints = new Set<string>();
  private latest: StampedSeal | undefined;
  private count = 0;

  /** @param expected a seal that must be in the folder, as somebody knows it who has not got it from there */
  constructor(
    private readonly keys: readonly SealKey[],
    private readonly expected?: ToldSeal,
  ) {}

  /** How many seals were read. */
  get seals(): number {
    return this.count;
  }

  /** The latest seal that was sound; `undefined`: there is none. */
  get last(): StampedSeal | undefined {
    return this.latest;
  }

  take(line: string): void {
    this.count += 1;
    const read = readSeal(line, this.keys);
    if ('trouble' in read) return this.tell(`the seal behind number ${this.latest?.seal.n ?? 0} ${read.trouble}`);
    const { seal } = read;
    // older files may have been put away: only the first seal that is there may follow one that is not
    if (this.latest && (seal.prev !== this.latest.mac || seal.n !== this.latest.seal.n + 1))
      this.tell(`seal ${seal.n} does not follow seal ${this.latest.seal.n}: seals between them are gone`);
    this.latest = read;
    if (seal.n === this.expected?.n) this.foundMac = read.mac;
    if (seal.kind === 'prune') for (const place of seal.checkpoints) this.checkpoints.add(place.join(' '));
    else {
      if (seal.full && rootOf(seal) !== seal.root) this.tell(`the root of seal ${seal.n} is not that of its heads`);
      for (const place of seal.heads) this.note(place);
    }
  }

  /**
   * Once all lines are taken: finds what is missing as a whole. Whoever empties the folder, or cuts off its end and waits,
   * leaves no line that shows it.
   *
   * @param mostAgeMs how old the latest seal may be
   */
  end(at: Date, mostAgeMs: number): void {
    if (this.count === 0) this.tell('the folder has no seal: they were taken away, or nothing has ever sealed here');
    else if (this.latest && at.getTime() - Date.parse(this.latest.seal.at) > mostAgeMs)
      this.tell(
        `the latest seal is of ${this.latest.seal.at}: later ones were taken away, or no worker seals any more`,
      );
    if (!this.expected || this.foundMac === this.expected.mac) return;
    const { n } = this.expected;
    this.tell(
      this.foundMac === undefined
        ? `seal ${n}, which was expected, is not there`
        : `seal ${n} is not the one that was expected`,
    );
  }

  /** Places of the org's trail that were sealed, in their order. */
  sealed(orgId: OrgId): ChainPlace[] {
    return (this.places.get(orgId) ?? []).map(placeOf);
  }

  /** Every org that was ever sealed. */
  orgs(): OrgId[] {
    return [...this.places.keys()] as OrgId[];
  }

  /** True if a prune has sealed this beginning of the org's trail. */
  hasCheckpoint(orgId: OrgId, { seq, hash }: ChainPlace): boolean {
    return this.checkpoints.has(`${orgId} ${seq} ${hash.toString('hex')}`);
  }

  private note(place: SealedPlace): void {
    const [org, seq] = place;
    const known = this.places.get(org) ?? [];
    const before = known.at(-1);
    if (before && before[1] > seq)
      this.tell(
        `seal ${this.latest?.seal.n ?? 0} has the trail of ${org} end with ${seq}, one before with ${before[1]}`,
      );
    if (before && before[1] >= seq) return;
    known.push(place);
    this.places.set(org, known.length > MOST_PLACES ? thinned(known) : known);
  }

  private tell(what: string): void {
    this.findings.push({ kind: 'seal', orgId: null, seq: this.latest?.seal.n ?? 0, what });
  }
}

function rootOf({ heads }: HeadSeal): string {
  const root = new HeadsRoot();
  for (const place of heads) root.add({ orgId: place[0] as OrgId, ...placeOf(place) });
  return root.end();
}

/** Every second one and the last. */
function thinned(places: readonly SealedPlace[]): SealedPlace[] {
  return places.filter((_, at) => at % 2 === 1 || at === places.length - 1);
}
