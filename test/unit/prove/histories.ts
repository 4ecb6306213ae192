import type { FinalRow, History, Limits, Presentation, Subject, TrailEvent } from '../../prove/history/history';

/** A minute's token, in a history that begins at 0. */
export const LIFE_MS = 60_000;
export const LIMITS: Limits = {
  marginMs: 20_000,
  longestRungMs: 10_000,
  reportedWithinMs: 60_000,
  recoveredWithinMs: 30_000,
  mostCallsOfWorker: 2,
};

let lastSeq = 0;

/** An integration whose first token ends after a minute; `row` says how it stands in the end. */
export function aSubject(row: Partial<FinalRow> | null = {}, id = 'i1'): Subject {
  const rowInTheEnd: FinalRow = {
    status: 'connected',
    accessPrint: 'a0',
    refreshPrint: 'r0',
    expiresAt: LIFE_MS,
    failedRefreshes: 0,
    failureCode: null,
    nextRefreshAt: 40_000,
    ...row,
  };
  return {
    id,
    account: `account of ${id}`,
    accessPrint: 'a0',
    refreshPrint: 'r0',
    issuedAt: 0,
    expiresAt: LIFE_MS,
    row: row === null ? null : rowInTheEnd,
  };
}

/** A refresh that was granted: token `r{n}` for `r{n+1}`. */
export function granted(at: number, generation: number, more: Partial<Presentation> = {}): Presentation {
  return {
    seq: ++lastSeq,
    at,
    account: 'account of i1',
    presented: `r${generation}`,
    accepted: true,
    reason: null,
    overlapping: false,
    answer: 'sent',
    handedOut: { access: `a${generation + 1}`, refresh: `r${generation + 1}`, accessExpiresAt: at + LIFE_MS },
    ...more,
  };
}

export function refused(at: number, generation: number, reason = 'spent'): Presentation {
  return { ...granted(at, generation), accepted: false, reason, handedOut: null };
}

/** The trail's word that a token was stored. */
export function stored(at: number, more: Partial<TrailEvent> = {}): TrailEvent {
  return {
    integrationId: 'i1',
    seq: ++lastSeq,
    at,
    name: 'refresh.succeeded',
    expiresAt: at + LIFE_MS,
    verified: false,
    ...more,
  };
}

export function told(at: number, name: string, integrationId = 'i1'): TrailEvent {
  return stored(at, { name, expiresAt: null, integrationId });
}

/** A history in which nothing happened, with what is to be otherwise. */
export function aHistory(otherwise: Partial<History>): History {
  return {
    rotation: 'rotating',
    from: 0,
    until: 50_000,
    subjects: [aSubject()],
    presentations: [],
    trail: [],
    interruptions: [],
    outages: [],
    samples: [],
    recovery: null,
    settledAt: null,
    parked: [],
    ended: new Map(),
    ...otherwise,
  };
}
