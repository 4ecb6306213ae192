import type { OrgId } from '@hub/domain';
import { CHAIN_START, isWhole, rowHash, type ChainPlace, type ChainRow } from './audit-chain';
import type { AuditFinding, AuditFindingKind } from './audit-finding';

/** What an org's chain is held against. */
export interface ChainExpectations {
  /** Where it begins: the checkpoint of the last prune, or the very start. */
  readonly start?: ChainPlace;
  /** Places that were sealed, in their order. */
  readonly sealed?: readonly ChainPlace[];
}

/** So many broken events are compared with each other to tell which were swapped. */
const COMPARED = 200;

/**
 * Follows one org's chain from row to row. Give it the rows in the order of `seq`, and its end.
 *
 * One act of tampering gives one finding, as far as it can be told apart: behind a broken event the chain is followed on
 * from what that event must have been.
 */
export class ChainCheck {
  private readonly found: AuditFinding[] = [];
  private readonly broken: ChainRow[] = [];
  /** Rows of one number; more than one only after tampering. */
  private group: ChainRow[] = [];
  private last: ChainPlace;
  /** Any of these may stand as the next row's predecessor; empty: not known, the row before is gone. */
  private before: Buffer[];
  private sealed: readonly ChainPlace[];
  private lastAgreed: number;
  private isRewritten = false;

  private readonly start: ChainPlace;

  constructor(
    private readonly orgId: OrgId,
    { start = CHAIN_START, sealed = [] }: ChainExpectations = {},
  ) {
    this.start = start;
    this.last = start;
    this.before = [start.hash];
    this.lastAgreed = start.seq;
    this.sealed = sealed.filter(({ seq }) => seq > start.seq);
    const atStart = sealed.find(({ seq }) => seq === start.seq);
    if (atStart && !atStart.hash.equals(start.hash))
      this.tell('checkpoint', start.seq, `the checkpoint at ${start.seq} is not the event that was sealed`);
  }

  take(row: ChainRow): void {
    const [first] = this.group;
    if (first && first.seq !== row.seq) this.judgeGroup();
    this.group.push(row);
  }

  /**
   * @param head where the org's head says that the trail ends; `null` if it has none; `undefined`: there is nothing to ask
   * @returns what is wrong, in the order of `seq`
   */
  end(head: ChainPlace | null | undefined): AuditFinding[] {
    if (this.group.length > 0) this.judgeGroup();
    this.judgeEnd(head);
    return nameSwaps(this.found, this.broken).sort((one, other) => one.seq - other.seq);
  }

  /** Of rows with one number the one that fits is the true one. */
  private judgeGroup(): void {
    const rows = this.group;
    this.group = [];
    const fitting = rows.find((row) => this.follows(row) && isWhole(row));
    const row = fitting ?? rows[0];
    if (row === undefined) return;
    if (row.seq <= this.last.seq) {
      for (const { seq } of rows) this.tell('inserted', seq, `event ${seq} stands before the chain begins`);
      return;
    }
    if (row.seq > this.last.seq + 1) this.tellGap(row.seq);
    for (const { seq, id } of rows.filter((other) => other !== row))
      this.tell('inserted', seq, `a second event has the number ${seq} (id ${id})`);
    const accepted = [row.hash];
    if (!fitting) accepted.push(...this.judgeBroken(row));
    this.judgeSeal(row, accepted);
    this.before = accepted;
    this.last = row;
  }

  private tellGap(seq: number): void {
    const from = this.last.seq + 1;
    this.tell('missing', from, `${events(from, seq - 1)} between others ${from === seq - 1 ? 'is' : 'are'} gone`);
    this.before = [];
  }

  private follows(row: ChainRow): boolean {
    const isNext = row.seq === this.last.seq + 1;
    return !isNext || this.before.length === 0 || this.before.some((hash) => hash.equals(row.prevHash));
  }

  /** @returns hashes that the next row may name as its predecessor's, besides the one that stands in the row */
  private judgeBroken(row: ChainRow): Buffer[] {
    if (isWhole(row)) {
      // the row before was changed together with its own hash; this one still names what it was
      const before = row.seq - 1;
      if (this.broken.at(-1)?.seq === before) return []; // told already, and what it was cannot be known
      if (before > this.start.seq)
        this.tell('edited', before, `event ${before} is not the one that ${row.seq} follows`);
      else if (before > 0) this.tell('checkpoint', before, `event ${row.seq} does not follow the checkpoint`);
      else this.tell('edited', row.seq, `event ${row.seq} names a predecessor, and is the first`);
      return [];
    }
    const shouldBe = (this.before.length > 0 ? this.before : [row.prevHash]).map((prev) => rowHash(prev, row));
    const isLink = shouldBe.some((hash) => hash.equals(row.hash));
    this.broken.push(row);
    this.tell(
      'edited',
      row.seq,
      isLink ? `event ${row.seq} names another predecessor than it had` : `event ${row.seq} is not what was written`,
    );
    return [...shouldBe, rowHash(row.prevHash, row)];
  }

  /** Held against the seals whose place has been reached. */
  private judgeSeal(row: ChainRow, accepted: readonly Buffer[]): void {
    for (let next = this.sealed[0]; next && next.seq <= row.seq; next = this.sealed[0]) {
      this.sealed = this.sealed.slice(1);
      if (next.seq < row.seq) continue; // that event is missing, which has been told
      if (accepted.some((hash) => hash.equals(next.hash))) this.lastAgreed = next.seq;
      else this.tellRewritten(next.seq);
    }
  }

  private tellRewritten(sealedSeq: number): void {
    if (this.isRewritten) return;
    this.isRewritten = true;
    const from = this.lastAgreed + 1;
    this.tell('rewritten', from, `${events(from, sealedSeq)} fit together, and are not what was sealed`);
  }

  private judgeEnd(head: ChainPlace | null | undefined): void {
    const { seq, hash } = this.last;
    const sealedSeq = this.sealed.at(-1)?.seq ?? 0;
    const isHeadAhead = head && head.seq > seq && !head.hash.equals(hash);
    const endedAt = Math.max(sealedSeq, isHeadAhead ? head.seq : 0);
    if (endedAt > seq) this.tell('truncated', seq + 1, `${events(seq + 1, endedAt)} at the end are gone`);
    if (head === undefined || isHeadAhead) return;
    if (head === null) {
      if (seq > 0 || endedAt > 0) this.tell('head', seq, 'the org has no head any more');
    } else if (head.seq === seq) {
      if (!this.before.some((one) => one.equals(head.hash)))
        this.tell('head', seq, `the head holds another hash than event ${seq}`);
    } else if (head.hash.equals(hash) || head.seq > seq || this.lastAgreed > head.seq) {
      this.tell('head', head.seq, `the head says ${head.seq}, the trail ends with ${seq}`);
    } else {
      const from = head.seq + 1;
      this.tell('inserted', from, `${events(from, seq)} ${from === seq ? 'stands' : 'stand'} behind the head`);
    }
  }

  private tell(kind: AuditFindingKind, seq: number, what: string): void {
    this.found.push({ kind, orgId: this.orgId, seq, what });
  }
}

function events(from: number, to: number): string {
  return from === to ? `event ${from}` : `events ${from} to ${to}`;
}

/** Broken events that are whole under another broken one's number were swapped with it. */
function nameSwaps(found: readonly AuditFinding[], broken: readonly ChainRow[]): AuditFinding[] {
  const compared = broken.slice(0, COMPARED);
  const movedFrom = new Map<number, number>();
  for (const row of compared)
    for (const other of compared) if (row !== other && isOf(row, other)) movedFrom.set(row.seq, other.seq);
  return found.map((finding) => {
    const from = finding.kind === 'edited' ? movedFrom.get(finding.seq) : undefined;
    if (from === undefined) return finding;
    return { ...finding, kind: 'reordered', what: `event ${finding.seq} is the one that was number ${from}` };
  });
}

/** True if what stands in `row` was written as `place`, with the hashes that either of them holds now. */
function isOf(row: ChainRow, place: ChainRow): boolean {
  const moved = { ...row, seq: place.seq };
  return [row, place].some(({ prevHash, hash }) => rowHash(prevHash, moved).equals(hash));
}
