import { Ring } from './ring';

/**
 * What became of an answer: still to come; sent; lost with its connection (a fault, or the caller hung up); or spoiled
 * (a fault sent something else in its place). Lost and spoiled are what the caller must hold for in doubt.
 */
export type AnswerFate = 'pending' | 'sent' | 'lost' | 'spoiled';

interface Common {
  seq: number;
  /** ISO 8601 with milliseconds, of this machine's clock. */
  at: string;
  provider: string;
  /** Number of the HTTP call; entries of one call share it. Null for what an admin did. */
  call: number | null;
  account: string | null;
  /** The provider's own id of the account. */
  accountId: string | null;
}

/** Tokens are named by their fingerprint only, the first 16 hex digits of SHA-256. */
export interface TokenNames {
  access: string;
  /** Null: never expires. Milliseconds of the provider's clock. */
  accessExpiresAt: number | null;
  /** Null: none was handed out. */
  refresh: string | null;
  generation: number;
}

export type HistoryEntry = Common &
  (
    | { kind: 'authorize'; decision: 'asked' | 'approved' | 'denied' | 'refused'; scopes: readonly string[] }
    | {
        kind: 'exchange';
        accepted: boolean;
        reason: string | null;
        grant: string | null;
        /** An existing grant's tokens were handed out again. */
        reused: boolean;
        handedOut: TokenNames | null;
        answer: AnswerFate;
      }
    | {
        kind: 'refresh';
        accepted: boolean;
        reason: string | null;
        grant: string | null;
        /** The refresh token that was presented, and the refresh it came from (0: the exchange). */
        presented: string | null;
        generation: number | null;
        /** True: this token had been accepted before and its successor was not a further use of a lasting token. */
        again: boolean;
        /** True: another refresh with the same token was under way at that moment. */
        overlapping: boolean;
        handedOut: TokenNames | null;
        answer: AnswerFate;
      }
    | { kind: 'revoke'; accepted: boolean; reason: string | null; grants: readonly string[]; answer: AnswerFate }
    | { kind: 'fault'; on: string; fault: string; rule: string }
    | { kind: 'admin'; act: string; detail: object }
    | { kind: 'call'; route: string; endpoint: string; status: number | null; answer: AnswerFate }
  );

/** An entry before the history has numbered and dated it. */
export type NewEntry = HistoryEntry extends infer Entry
  ? Entry extends HistoryEntry
    ? Omit<Entry, 'seq' | 'at'>
    : never
  : never;

const CALLS_KEPT = 20_000;

export interface HistoryQuery {
  after: number;
  provider?: string | undefined;
  account?: string | undefined;
  kind?: string | undefined;
  limit: number;
  /** Also the API calls, of which only the latest are kept. */
  calls: boolean;
}

/** Everything the sandbox granted, refused, rotated and revoked, in order, over all providers; bounded. */
export class History {
  private readonly entries: Ring<HistoryEntry>;
  private readonly calls: Ring<HistoryEntry>;
  private lastSeq = 0;

  constructor(private size: number) {
    this.entries = new Ring(size);
    this.calls = new Ring(Math.min(size, CALLS_KEPT));
  }

  /** Numbers and keeps an entry; the returned object may have its `answer` set later, when that is known. */
  add(entry: NewEntry): HistoryEntry {
    const kept: HistoryEntry = { seq: ++this.lastSeq, at: new Date().toISOString(), ...entry };
    (kept.kind === 'call' ? this.calls : this.entries).push(kept);
    return kept;
  }

  read(query: HistoryQuery): { entries: HistoryEntry[]; lastSeq: number; oldestSeq: number | null; more: boolean } {
    const own = this.entries.after(query.after);
    const merged = query.calls
      ? [...own, ...this.calls.after(query.after)].sort((one, other) => one.seq - other.seq)
      : own;
    const wanted = merged.filter(
      (entry) =>
        (query.provider === undefined || entry.provider === query.provider) &&
        (query.account === undefined || entry.account === query.account) &&
        (query.kind === undefined || entry.kind === query.kind),
    );
    return {
      entries: wanted.slice(0, query.limit),
      lastSeq: this.lastSeq,
      oldestSeq: this.entries.oldestSeq,
      more: wanted.length > query.limit,
    };
  }

  resize(size: number): void {
    this.size = size;
    this.entries.resize(size);
  }

  get capacity(): number {
    return this.size;
  }

  /** Forgets entries; numbers go on, so that a reader's `after` stays good. */
  clear(provider?: string): void {
    const gone = (entry: HistoryEntry): boolean => provider === undefined || entry.provider === provider;
    this.entries.remove(gone);
    this.calls.remove(gone);
  }
}
